//! Requests that two readers could cut in two ways: refused, the connection closed, and nothing behind them is read.

use std::time::Duration;

use crate::support::raw::Raw;
use crate::support::server::start_with;
use crate::support::walk;

const EVENT: &str = r#"{"type":"smuggled"}"#;
/// When a server that keeps a refused connection open is given up.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

fn request(headers: &str, body: &str) -> String {
    format!("POST /v1/events HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n\r\n{body}")
}

/// A good request, which is there to be smuggled.
fn hidden() -> String {
    request(&format!("content-length: {}", EVENT.len()), EVENT)
}

/// Lengths that are none, each before a body that is an event.
fn lengths() -> Vec<(String, String)> {
    let values = [
        "+19",
        "-1",
        "-0",
        "0x13",
        "1 9",
        "19;",
        "19,",
        "19, 19",
        "0, 300",
        "19.0",
        "1e1",
        "\"19\"",
        "1_9",
        "",
        "a",
        "\u{661}\u{669}",
        "99999999999999999999999",
        "18446744073709551616",
        "18446744073709551615",
        "19\u{b}",
        "nan",
    ];
    let mut cases: Vec<_> = values
        .iter()
        .map(|value| {
            (format!("content-length {value:?}"), request(&format!("content-length: {value}"), EVENT))
        })
        .collect();
    let more = [
        ("two lengths, the smaller first", request("content-length: 0\r\ncontent-length: 19", EVENT)),
        ("two lengths, the larger first", request("content-length: 300\r\ncontent-length: 0", &hidden())),
        ("a good and a bad length", request("content-length: 19\r\ncontent-length: +19", EVENT)),
        ("a space before the colon", request("content-length : 19", EVENT)),
        ("a folded length", request("content-length:\r\n 19", EVENT)),
    ];
    cases.extend(more.map(|(name, bytes)| (name.to_owned(), bytes)));
    cases
}

/// Transfer encodings that are not plainly `chunked`, each before an empty chunked body with something behind it.
fn encodings() -> Vec<(String, String)> {
    let values = [
        "chunked, chunked",
        "chunked, gzip",
        "gzip, chunked",
        "chunked, identity",
        "identity, chunked",
        "identity",
        "xchunked",
        "chunkedx",
        "\"chunked\"",
        "chunked;q=1",
        "chunked,",
        ", chunked",
        "chun ked",
        "\u{b}chunked",
        "chunked\0",
        "",
        "gzip",
        "chunked\r\n , identity",
    ];
    let encoded = |headers: &str| request(headers, "0\r\n\r\n");
    let mut cases: Vec<_> = values
        .iter()
        .map(|value| {
            (format!("transfer-encoding {value:?}"), encoded(&format!("transfer-encoding: {value}")))
        })
        .collect();
    let old = encoded("transfer-encoding: chunked").replace("HTTP/1.1", "HTTP/1.0");
    let more = [
        ("chunked twice", encoded("transfer-encoding: chunked\r\ntransfer-encoding: chunked")),
        ("chunked and identity", encoded("transfer-encoding: chunked\r\ntransfer-encoding: identity")),
        ("identity and chunked", encoded("transfer-encoding: identity\r\ntransfer-encoding: chunked")),
        ("a space before the colon", encoded("transfer-encoding : chunked")),
        ("a space before the name", encoded("x: y\r\n transfer-encoding: chunked")),
        ("chunked before chunks were known", old),
        ("length, then chunks", encoded("content-length: 4\r\ntransfer-encoding: chunked")),
        ("chunks, then length", encoded("transfer-encoding: chunked\r\ncontent-length: 4")),
        ("chunks and a wrong length", encoded("transfer-encoding: chunked\r\ncontent-length: +5")),
    ];
    cases.extend(more.map(|(name, bytes)| (name.to_owned(), bytes)));
    cases
}

/// Chunks that are none.
fn chunks() -> Vec<(String, String)> {
    let chunked = |body: &str| request("transfer-encoding: chunked", body);
    let sizes =
        ["-13", "+13", "0x13", "fffffffffffffffff", "nineteen", "", " 13", "1 3", "13;a\nb", "\u{b}13"];
    let mut cases: Vec<_> = sizes
        .iter()
        .map(|size| (format!("chunk size {size:?}"), chunked(&format!("{size}\r\n{EVENT}\r\n0\r\n\r\n"))))
        .collect();
    let more = [
        ("a bare LF after the size", chunked(&format!("13\n{EVENT}\r\n0\r\n\r\n"))),
        ("a bare LF in an extension", chunked(&format!("13;a\n{EVENT}\r\n0\r\n\r\n"))),
        ("a bare LF after the data", chunked(&format!("13\r\n{EVENT}\n0\r\n\r\n"))),
        ("bare LFs at the end", chunked(&format!("13\r\n{EVENT}\r\n0\n\n"))),
        ("no end of the data", chunked(&format!("13\r\n{EVENT}0\r\n\r\n"))),
        ("a CR without its LF", chunked(&format!("13\rX{EVENT}\r\n0\r\n\r\n"))),
        ("an endless extension", chunked(&format!("13;{}\r\n{EVENT}\r\n0\r\n\r\n", "a".repeat(64 << 10)))),
        ("endless trailers", chunked(&format!("13\r\n{EVENT}\r\n0\r\n{}\r\n", "a: b\r\n".repeat(64 << 10)))),
        ("a folded trailer", chunked(&format!("13\r\n{EVENT}\r\n0\r\na: b\r\n c\r\n\r\n"))),
    ];
    cases.extend(more.map(|(name, bytes)| (name.to_owned(), bytes)));
    cases
}

/// Heads that are none, or that name no host or several.
fn heads() -> Vec<(String, String)> {
    let get = |line: &str| format!("{line}\r\nhost: localhost\r\n\r\n");
    [
        ("a folded line", request("content-length: 0\r\n folded: yes", "")),
        ("a NUL in a value", request("x-a: b\0c\r\ncontent-length: 0", "")),
        ("a bare CR in a value", request("x-a: b\rc\r\ncontent-length: 0", "")),
        ("no colon", request("nothing\r\ncontent-length: 0", "")),
        ("no name", request(": x\r\ncontent-length: 0", "")),
        ("a space in a name", request("content length: 0", "")),
        ("a name beyond ASCII", request("content-l\u{e9}ngth: 0", "")),
        ("no host", "GET /health HTTP/1.1\r\n\r\n".to_owned()),
        ("two hosts", "GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n".to_owned()),
        ("a NUL in the path", get("GET /v1/\0 HTTP/1.1")),
        ("a space in the path", get("GET /v1/ events HTTP/1.1")),
        ("no version", get("GET /v1/events")),
        ("a version in small letters", get("GET /v1/events http/1.1")),
        ("a version of two digits", get("GET /v1/events HTTP/1.10")),
        ("another version", get("GET /v1/events HTTP/3.0")),
        ("a NUL in the method", get("GE\0T /v1/events HTTP/1.1")),
        ("tabs between the parts", get("GET\t/v1/events\tHTTP/1.1")),
        ("a tunnel", get("CONNECT evil.example:443 HTTP/1.1")),
        ("HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03nonsense\r\n\r\n".to_owned()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_request_is_refused_and_what_lies_behind_it_is_never_read() {
    let server = start_with(|config| config.server.header_read_timeout_ms = 60_000).await;
    let cases: Vec<_> = [lengths(), encodings(), chunks(), heads()].concat();
    assert!(cases.len() >= 80, "{}", cases.len());
    let mut wrong = Vec::new();
    for (name, bytes) in cases {
        let before = walk::count(&server).await;
        let mut connection = Raw::connect(server.address);
        connection.send(bytes + &hidden());
        let answer = connection.rest_within(CLOSED_WITHIN);
        let is_refused = answer.as_ref().is_ok_and(|answer| {
            // One answer at most, and then the end.
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") && answer.matches("HTTP/1.1 ").count() == 1
        });
        if !is_refused || walk::count(&server).await != before {
            wrong.push((name, answer));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(server.get("/health").await.status, 200);
}

/// What may be taken in one way only is answered, and a body is a body whatever it looks like.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_inside_a_body_stays_a_body() {
    let server = start_with(|_| {}).await;
    let hidden = hidden();
    let (length, chunk) = (hidden.len(), format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len()));
    let close = "connection: close\r\n";
    for (name, bytes) in [
        (
            "a body of GET",
            format!("GET /health HTTP/1.1\r\nhost: x\r\n{close}content-length: {length}\r\n\r\n{hidden}"),
        ),
        ("a body of a refused POST", request(&format!("{close}content-length: {length}"), &hidden)),
        ("one in a chunk", request(&format!("{close}transfer-encoding: chunked"), &chunk)),
        (
            "one in a chunk of GET",
            format!("GET /health HTTP/1.1\r\nhost: x\r\n{close}transfer-encoding: chunked\r\n\r\n{chunk}"),
        ),
        (
            "an equal length twice",
            request(&format!("{close}content-length: {length}\r\ncontent-length: {length}"), &hidden),
        ),
        ("a length with zeros before it", request(&format!("{close}content-length: 00{length}"), &hidden)),
        (
            "trailers",
            request(
                &format!("{close}transfer-encoding: chunked"),
                "1\r\n{\r\n0\r\ncontent-length: 19\r\n\r\n",
            ),
        ),
        // RFC 9112, 2.2: a recipient may take a bare LF for the end of a line.
        (
            "lines that end in LF",
            format!("GET /health HTTP/1.1\nhost: x\nconnection: close\ncontent-length: {length}\n\n{hidden}"),
        ),
        (
            "another host's path",
            format!("GET http://evil.example/v1/events HTTP/1.1\r\nhost: x\r\n{close}\r\n"),
        ),
    ] {
        let mut connection = Raw::connect(server.address);
        connection.send(bytes);
        let answer = connection.rest_within(CLOSED_WITHIN).expect("closed, as asked");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: {answer}");
        assert_eq!(walk::count(&server).await, 0, "{name}: {answer}");
    }
}
