//! The doors: any body is answered, what is accepted is read back, and the same body again is judged the same.

use serde_json::Value;
use tidegate_domain::id::Position;
use tidegate_domain::ports::EventLog;

use crate::house::{Answer, House};

thread_local! {
    static HOUSE: House = House::open();
}

/// What a body was answered, event by event.
struct Judged {
    status: u16,
    /// Status of each event.
    statuses: Vec<String>,
    /// Ids and positions of those that are in the log.
    stored: Vec<(Option<String>, u64)>,
}

/// `POST /v1/events`. The first byte chooses the content type, the rest is the body.
pub fn chat(data: &[u8]) {
    let Some((shape, body)) = data.split_first() else { return };
    let content_type = if shape & 1 == 0 { "application/json" } else { "application/x-ndjson" };
    HOUSE.with(|house| {
        house.log.start_afresh();
        let first = judged(&house.post("/v1/events", content_type, body), "accepted");
        assert_read_back(house, &first, "accepted");
        let again = judged(&house.post("/v1/events", content_type, body), "accepted");
        assert_same_refusals(&first, &again);
        if shape & 1 == 0 && first.status == 200 && body.trim_ascii_start().starts_with(b"[") {
            house.log.start_afresh();
            let wrapped = [b"{\"events\":", body, b"}"].concat();
            let wrapped = judged(&house.post("/v1/events", content_type, &wrapped), "accepted");
            assert_eq!(first.statuses, wrapped.statuses, "an array, bare and under `events`");
        }
    });
}

/// `POST /v1/events/ingest` and `/v1/events/ingest-batch`. The first byte chooses, the rest is the body.
pub fn moderation(data: &[u8]) {
    let Some((shape, body)) = data.split_first() else { return };
    let path = if shape & 1 == 0 { "/v1/events/ingest" } else { "/v1/events/ingest-batch" };
    HOUSE.with(|house| {
        house.log.start_afresh();
        let first = judged(&house.post(path, "application/json", body), "queued");
        assert_read_back(house, &first, "queued");
        let again = judged(&house.post(path, "application/json", body), "queued");
        assert_same_refusals(&first, &again);
        assert!(again.statuses.iter().all(|status| status != "queued"), "this door knows every event again");
    });
}

/// `POST /v1/risk/screen`. The first byte chooses between JSON and a form, the rest is the body.
pub fn screen(data: &[u8]) {
    let Some((shape, body)) = data.split_first() else { return };
    let content_type = if shape & 1 == 0 { "application/json" } else { "application/x-www-form-urlencoded" };
    HOUSE.with(|house| {
        house.log.start_afresh();
        let mut answers = [(); 2].map(|()| house.post("/v1/risk/screen", content_type, body));
        for answer in &mut answers {
            if answer.status == 200 {
                assert!(answer.json["risk_score"].as_f64().is_some_and(|risk| (0.0..=1.0).contains(&risk)));
            }
            for varying in ["screening_time_ms", "requestId"] {
                answer.json.as_object_mut().and_then(|members| members.remove(varying));
            }
        }
        let [first, again] = answers;
        assert_eq!((first.status, first.json), (again.status, again.json), "the same text, the same answer");
        assert_eq!(house.log.tail(), Position(0), "screening stores nothing");
    });
}

/// Reads an answer of either door, for one event or for several.
fn judged(answer: &Answer, taken: &str) -> Judged {
    let Answer { status, json } = answer;
    let results = match (&json["results"], status) {
        (Value::Array(results), _) => results.as_slice(),
        (_, 200) => std::slice::from_ref(json),
        _ => &[],
    };
    let statuses: Vec<_> = results.iter().map(|result| status_of(result, taken)).collect();
    for (counted, status) in
        [(taken, taken), ("duplicates", "duplicate"), ("rejected", "rejected"), ("errors", "error")]
    {
        if let Some(count) = json[counted].as_u64() {
            assert_eq!(count, statuses.iter().filter(|s| *s == status).count() as u64, "{counted}: {json}");
        }
    }
    let stored = results.iter().filter_map(|result| {
        let position = &result["position"];
        let position = position.as_u64().or_else(|| position.as_str()?.parse().ok())?;
        Some((result["eventId"].as_str().map(str::to_owned), position))
    });
    Judged { status: *status, stored: stored.collect(), statuses }
}

fn status_of(result: &Value, taken: &str) -> String {
    match (result["status"].as_str(), result["duplicate"].as_bool()) {
        (Some(status), _) => status.to_owned(),
        (None, Some(true)) => "duplicate".to_owned(),
        (None, _) => taken.to_owned(),
    }
}

/// What was `taken`, and nothing else, is in the log and on the list, and each has the id that its sender was told.
fn assert_read_back(house: &House, judged: &Judged, taken: &str) {
    let accepted = judged.statuses.iter().filter(|status| *status == taken).count();
    assert_eq!(house.log.tail(), Position(accepted as u64), "what is in the log");
    if accepted == 0 {
        return;
    }
    let listed = house.get("/v1/events?limit=1000&order=asc").json;
    let events = listed["events"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(events.len(), accepted, "what is on the list: {listed}");
    for (id, position) in &judged.stored {
        let event = &events[*position as usize];
        assert_eq!(event["position"], *position, "{event}");
        assert!(id.is_none() || event["eventId"].as_str() == id.as_deref(), "{event}");
    }
    if let Some(id) = events[accepted - 1]["eventId"].as_str() {
        assert_eq!(house.get(&format!("/v1/events/{id}")).json["event"], events[accepted - 1]);
    }
}

/// A body that comes again is refused where it was refused before, and nowhere else. Only what was a duplicate by its text
/// may now be refused by its key: the key was not remembered (D3), and another event of the body took it since.
fn assert_same_refusals(first: &Judged, again: &Judged) {
    let is_refused = |status: &String| status == "rejected" || status == "error";
    assert_eq!((first.status, first.statuses.len()), (again.status, again.statuses.len()));
    for (first, again) in first.statuses.iter().zip(&again.statuses) {
        assert!(first == "duplicate" || is_refused(first) == is_refused(again), "{first}, then {again}");
    }
}
