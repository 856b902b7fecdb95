//! Requests that two readers could take for different ones. The HTTP library refuses most of them while it reads the
//! head; these it lets through. They are answered 400, and the connection is closed.
//!
//! Source: RFC 9112, sections 3.2 (Host), 6.1 and 6.3 (Transfer-Encoding), 11.2 (request smuggling).

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};

use super::Problem;

/// Why this request is refused; `None` for one that can be taken in one way only.
pub(super) fn refusal(request: &Request) -> Option<Problem> {
    let headers = request.headers();
    let detail = if request.method() == Method::CONNECT {
        "this server is no proxy: CONNECT is refused"
    } else if !is_plainly_framed(headers) {
        "transfer-encoding, if there is one, must be chunked, once and alone"
    } else if request.version() == Version::HTTP_11 && !is_once(headers, &header::HOST) {
        "a request names one host"
    } else {
        return None;
    };
    let problem = Problem::new(StatusCode::BAD_REQUEST, "ambiguous-request", detail);
    Some(problem.with_header(header::CONNECTION, HeaderValue::from_static("close")))
}

fn is_plainly_framed(headers: &HeaderMap) -> bool {
    match headers.get(header::TRANSFER_ENCODING) {
        None => true,
        Some(value) => {
            is_once(headers, &header::TRANSFER_ENCODING) && value.as_bytes().eq_ignore_ascii_case(b"chunked")
        }
    }
}

fn is_once(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).iter().count() == 1
}
