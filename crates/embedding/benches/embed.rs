//! What embedding costs: texts a CPU-second, one text, cold start, cache, exact search.
//!
//! `cargo bench -p tidegate-embedding --bench embed -- MODEL_DIR [KERNEL]`

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tidegate_embedding::service::{EmbeddingService, ServiceSettings};
use tidegate_embedding::{
    BertEmbedder, Embedder, Flat, HashedEmbedder, Hnsw, KernelChoice, ModelSettings, Neighbor, Vector,
};

const RUNS: usize = 7;

#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(model) = arguments.first() else {
        println!(
            "embed: give a model directory: cargo bench -p tidegate-embedding --bench embed -- MODEL_DIR [KERNEL]"
        );
        return;
    };
    let kernel = arguments.get(1).map_or(KernelChoice::Auto, |name| name.parse().expect("a kernel"));
    let settings = ModelSettings { kernel, ..ModelSettings::default() };
    let started = Instant::now();
    let embedder = BertEmbedder::open(Path::new(model), &settings).expect("a model directory");
    embedder.embed(&["hello"]).expect("embeds");
    let cold = started.elapsed();
    println!("machine    {}", machine());
    println!("engine     {}, kernel {}", embedder.version(), embedder.kernel().name());
    println!("cold start {:.0} ms (open and first text)", cold.as_secs_f64() * 1e3);
    for words in [14, 62] {
        let (tokens, rate) = throughput(&embedder, words);
        println!("batches of 32, {tokens:.1} tokens: {rate:.0} texts per CPU-second");
    }
    for words in [10, 30] {
        let [p50, p99] = latency(&embedder, words);
        println!("one text, {} tokens: p50 {p50:.2} ms, p99 {p99:.2} ms", words + 2);
    }
    println!("hashed-1, 80 characters: {:.2} us a text", hashed());
    let [embedded, hit] = through_service(Arc::new(embedder));
    println!("service, one caller, 32 tokens: {embedded:.2} ms not cached, {hit:.2} us cached");
    for rows in [1_000, 10_000, 100_000] {
        let [p50, p99, recall] = search(rows, Flat::new, Flat::insert, Flat::nearest);
        println!("flat {rows} x 384, k = 10: p50 {p50:.0} us, p99 {p99:.0} us, recall@10 {recall:.3}");
    }
    let started = Instant::now();
    let [p50, p99, recall] = search(20_000, Hnsw::new, Hnsw::insert, Hnsw::nearest);
    let took = started.elapsed().as_secs_f64();
    println!(
        "hnsw 20000 x 384, k = 10: p50 {p50:.0} us, p99 {p99:.0} us, recall@10 {recall:.3} (whole test {took:.1} s)"
    );
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown");
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    format!("{}, {cores} cores, {}", name.trim_start_matches(['\t', ':', ' ']), std::env::consts::ARCH)
}

/// A sequence of numbers, the same in `bench/embedding_peers.py`.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// About normal: the sum of twelve numbers in [0, 1), less six.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.next() as f32 / 2_147_483_648.0).sum::<f32>() - 6.0
    }
}

const WORDS: [&str; 32] = [
    "please", "send", "the", "report", "before", "friday", "because", "our", "team", "needs", "time", "to",
    "check", "every", "number", "and", "write", "short", "answer", "for", "clients", "who", "asked", "about",
    "delivery", "price", "in", "this", "city", "last", "week", "again",
];

/// Texts of single-token words: `words` of them make `words + 2` tokens.
fn texts(count: usize, words: usize) -> Vec<String> {
    let mut numbers = Numbers(words as u64);
    let mut text = || -> Vec<&str> { (0..words).map(|_| WORDS[numbers.next() as usize % 32]).collect() };
    (0..count).map(|_| text().join(" ")).collect()
}

fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn quantiles<const N: usize>(mut values: Vec<f64>, at: [f64; N]) -> [f64; N] {
    values.sort_by(f64::total_cmp);
    at.map(|at| values[((values.len() - 1) as f64 * at) as usize])
}

/// Mean tokens, and the median of texts a CPU-second.
fn throughput(embedder: &BertEmbedder, words: usize) -> (f64, f64) {
    let texts = texts(512, words);
    let tokens: usize = texts.iter().map(|text| embedder.count_tokens(text).expect("tokens")).sum();
    let run = |_| {
        let started = cpu_s();
        for batch in texts.chunks(32) {
            let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
            black_box(embedder.embed(&batch).expect("embeds"));
        }
        texts.len() as f64 / (cpu_s() - started)
    };
    let [rate] = quantiles((0..RUNS).map(run).collect(), [0.5]);
    (tokens as f64 / texts.len() as f64, rate)
}

/// Milliseconds for one text alone: p50 and p99.
fn latency(embedder: &BertEmbedder, words: usize) -> [f64; 2] {
    let time = |text: &String| {
        let started = Instant::now();
        black_box(embedder.embed(&[text]).expect("embeds"));
        started.elapsed().as_secs_f64() * 1e3
    };
    quantiles(texts(400, words).iter().map(time).collect(), [0.5, 0.99])
}

/// Microseconds a text of 80 characters.
fn hashed() -> f64 {
    let texts: Vec<String> = texts(1_000, 20).iter().map(|text| text[..80].to_owned()).collect();
    let run = |_| {
        let started = cpu_s();
        texts.iter().for_each(|text| drop(black_box(HashedEmbedder::vector(text))));
        (cpu_s() - started) * 1e6 / texts.len() as f64
    };
    quantiles((0..RUNS).map(run).collect(), [0.5])[0]
}

/// Medians through the service: milliseconds for a new text, microseconds for a cached one.
fn through_service(embedder: Arc<dyn Embedder>) -> [f64; 2] {
    let settings = ServiceSettings { workers: Some(NonZeroUsize::MIN), ..ServiceSettings::default() };
    let service = EmbeddingService::start(embedder, &settings).expect("starts");
    let texts = texts(300, 30);
    let time = |text: &String| {
        let started = Instant::now();
        let answers = service.embed(&[text], 0, Duration::from_secs(9));
        assert!(answers[0].is_ok(), "embeds");
        started.elapsed().as_secs_f64()
    };
    let [new] = quantiles(texts.iter().map(time).collect(), [0.5]);
    let [hit] = quantiles(texts.iter().map(time).collect(), [0.5]);
    [new * 1e3, hit * 1e6]
}

/// Vectors in 64 clouds, and queries near some of them.
fn clouds(count: usize) -> Vec<Vector> {
    let mut numbers = Numbers(7);
    let centres: Vec<Vec<f32>> = (0..64).map(|_| (0..384).map(|_| numbers.normal()).collect()).collect();
    let mut vector = || {
        let centre = &centres[numbers.next() as usize % 64];
        Vector::normalized(centre.iter().map(|value| value + 1.5 * numbers.normal()).collect())
            .expect("finite")
    };
    (0..count).map(|_| vector()).collect()
}

/// Microseconds a query, p50 and p99, and the share of the ten nearest by f64 that were found.
fn search<I>(
    rows: usize,
    new: impl Fn(tidegate_embedding::Kernel, usize) -> I,
    insert: impl Fn(&mut I, u64, &Vector),
    nearest: impl Fn(&I, &Vector, usize) -> Vec<Neighbor>,
) -> [f64; 3] {
    let vectors = clouds(rows + 200);
    let (vectors, queries) = vectors.split_at(rows);
    let mut index = new(tidegate_embedding::Kernel::fastest(), 384);
    vectors.iter().zip(0..).for_each(|(vector, id)| insert(&mut index, id, vector));
    let time = |query: &Vector| {
        let started = Instant::now();
        black_box(nearest(&index, query, 10));
        started.elapsed().as_secs_f64() * 1e6
    };
    let [p50, p99] = quantiles(queries.iter().map(time).collect(), [0.5, 0.99]);
    let found = |query: &Vector| {
        let expected = brute_force(vectors, query);
        nearest(&index, query, 10).iter().filter(|neighbor| expected.contains(&neighbor.id)).count()
    };
    let recall = queries.iter().map(found).sum::<usize>() as f64 / (10 * queries.len()) as f64;
    [p50, p99, recall]
}

fn brute_force(vectors: &[Vector], query: &Vector) -> Vec<u64> {
    let cosine = |vector: &Vector| -> f64 {
        vector.iter().zip(query.iter()).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let mut all: Vec<(f64, u64)> = vectors.iter().map(cosine).zip(0..).collect();
    all.select_nth_unstable_by(9, |a, b| b.0.total_cmp(&a.0));
    all[..10].iter().map(|&(_, id)| id).collect()
}
