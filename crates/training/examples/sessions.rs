//! scratch
use std::path::Path;
use tidegate_training::sessions::*;
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let v = cross_validate_sessions(Path::new(&dir), 1).unwrap();
    let show = |n: &str, r: tidegate_training::eval::Report| {
        println!(
            "{n:<22} n {:>5} P {:.3} R {:.3} F1 {:.3} FPR {:.4} AUROC {:.3} [{:.3},{:.3}]",
            r.n, r.precision, r.recall, r.f1, r.fpr, r.auroc, r.auroc_interval.low, r.auroc_interval.high
        )
    };
    for (n, rows) in slices(&v.sessions) {
        show(n, judge(n, &rows));
    }
    show("LO template", judge("t", &v.templates.iter().collect::<Vec<_>>()));
    for k in ["direct", "ignore_previous", "important_instructions"] {
        let r: Vec<_> = v
            .templates
            .iter()
            .filter(|h| h.row.attack_type.as_deref().is_some_and(|a| a.starts_with(k)))
            .collect();
        show(k, judge("t", &r));
    }
    show("LO goal", judge("t", &v.goals.iter().collect::<Vec<_>>()));
    show("cot_rhw", judge("t", &v.thoughts.iter().filter(|h| h.set == "cot_rhw").collect::<Vec<_>>()));
    show("cot amongus", judge("t", &v.thoughts.iter().filter(|h| h.set != "cot_rhw").collect::<Vec<_>>()));
    for h in v.sessions.iter().filter(|h| !h.it_is && h.risk >= 0.45 && h.set != "sessions_hh") {
        println!("FP {} {} {:.3} {:?}", h.set, h.row.id, h.risk, h.patterns);
    }
    let mut by = std::collections::BTreeMap::new();
    for h in &v.sessions {
        for p in &h.patterns {
            *by.entry((h.set.clone(), h.it_is, p.name())).or_insert(0) += 1;
        }
    }
    println!("{by:?}");
    if let Some(out) = std::env::args().nth(2) {
        let mut s = String::new();
        for (k, l) in [("s", &v.sessions), ("t", &v.templates), ("c", &v.thoughts)] {
            for h in l {
                s += &format!("{k}\t{}\t{}\t{}\t{:.4}\n", h.set, h.row.id, h.it_is, h.risk);
            }
        }
        std::fs::write(out, s).unwrap();
    }
    if let Some(out) = std::env::args().nth(3) {
        let w = train_sessions(Path::new(&dir), 1).unwrap();
        for (n, x) in tidegate_analysis::learn::CHAT_NAMES.iter().zip(w.chat.weights) {
            println!("chat {n:<24} {x:.3}");
        }
        println!("chat bias {:.3}", w.chat.bias);
        for (n, x) in tidegate_analysis::learn::TOOL_NAMES.iter().zip(w.tool.weights) {
            println!("tool {n:<24} {x:.3}");
        }
        println!("tool bias {:.3}", w.tool.bias);
        for (n, x) in tidegate_analysis::learn::COT_NAMES.iter().zip(w.cot.weights) {
            println!("cot {n:<24} {x:.3}");
        }
        std::fs::write(out, w.to_bytes()).unwrap();
        let screener = SessionScreener::new().unwrap();
        let model = model_of(w);
        let rows =
            tidegate_training::data::read(Path::new("crates/analysis/tests/fixtures/slow_sessions.jsonl"))
                .unwrap();
        let mut cut: Vec<f64> = v.sessions.iter().filter(|h| !h.it_is).map(|h| h.risk).collect();
        cut.sort_by(f64::total_cmp);
        let at = cut[cut.len() * 95 / 100];
        println!("5% threshold on dev benign {at:.3}");
        let mut said = [[0; 2]; 2];
        for row in &rows {
            let a = model.session(&session_request(row, &screener));
            let r = a.risk_score.get();
            for (n, t) in [0.5, at].iter().enumerate() {
                said[n][usize::from(row.has("ATTACK"))] += usize::from(r >= *t);
            }
            println!("SLOW {} {:.3} {:?}", row.id, r, a.patterns);
        }
        println!("slow: at 0.5 [benign, attack] {:?}; at 5% {:?}", said[0], said[1]);
    }
}
