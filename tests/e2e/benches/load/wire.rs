//! What the senders send: OTLP and changes, over a connection that is kept open. Written by hand, so that the senders
//! take little of the cores they share with the service. It must not know what is measured.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How long a request may take; a service that was killed ends the connection at once.
const WITHIN: Duration = Duration::from_secs(30);
const SERVICES: [&str; 5] = ["cart", "checkout", "payments", "search", "shipping"];
const KINDS: [&str; 4] = ["deploy", "config", "flag", "infra"];
/// The changes lie in the last 20 hours, in no order.
const SPREAD_S: u64 = 72_000;
/// ERROR in OTLP: the question counts error records, so that the answer tells how many are there.
const SEVERITY: u8 = 17;

/// A connection that is kept open.
pub struct Connection {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Connection {
    /// Opens it.
    pub fn open(url: &str, token: &str) -> Result<Self> {
        let address = url.strip_prefix("http://").ok_or(ErrorKind::InvalidInput)?;
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WITHIN))?;
        Ok(Connection { stream: BufReader::new(stream), token: token.to_owned() })
    }

    /// Posts, and reads the status and the body of the reply.
    pub fn post(&mut self, path: &str, kind: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: hearback\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\n\r\n",
            self.token,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            match line.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().map_err(Error::other)?,
                Some(_) => {}
                None => status = line.split(' ').nth(1).and_then(|status| status.parse().ok()),
            }
        }
        let mut reply = vec![0; length];
        self.stream.read_exact(&mut reply)?;
        Ok((status.ok_or(ErrorKind::InvalidData)?, reply))
    }
}

/// The change with this number.
pub fn change(number: u64) -> Value {
    let back = SignedDuration::from_secs((number.wrapping_mul(7919) % SPREAD_S) as i64 + 60);
    let at = Timestamp::now().checked_sub(back).unwrap_or_default();
    let service = SERVICES[number as usize % SERVICES.len()];
    json!({
        "id": format!("run-{number}"),
        "kind": KINDS[number as usize / 3 % KINDS.len()],
        "title": format!("Part {} of {service}: raise the limit of module {}", number % 17, number % 23),
        "services": [service],
        "environment": "production",
        "at": at.to_string(),
        "author": {"name": "Ana Ruiz", "email": "ana@shop.example"},
        "source": "pipeline",
        "link": format!("https://ci.shop.example/runs/{number}"),
        "body": format!("Why it had to be done, number {number}: the pool of connections was too small for the evening."),
    })
}

/// `ExportLogsServiceRequest` with `count` log records of one service, from this number on, as protobuf.
pub fn log_batch(first: u64, count: u64) -> Vec<u8> {
    let at = Timestamp::now().as_nanosecond() as u64;
    let mut records = Vec::new();
    for number in first..first + count {
        let mut record = Vec::new();
        record.push(0x09); // time_unix_nano = 1, fixed64
        record.extend((at + number % count).to_le_bytes());
        record.extend([0x10, SEVERITY]); // severity_number = 2
        field(&mut record, 5, &text_value(&says(number)));
        field(&mut record, 6, &attribute("http.route", "/cart/items"));
        field(&mut records, 2, &record);
    }
    let service = SERVICES[(first / count) as usize % SERVICES.len()];
    let mut of_resource = Vec::new();
    let mut resource = Vec::new();
    field(&mut resource, 1, &attribute("service.name", service));
    field(&mut of_resource, 1, &resource);
    field(&mut of_resource, 2, &records);
    let mut request = Vec::new();
    field(&mut request, 1, &of_resource);
    request
}

fn says(number: u64) -> String {
    match number % 5 {
        0 => format!("connection pool exhausted after {} ms, order {number}", number % 900),
        1 => format!("reserveStock failed for order {number}: timeout of {} ms", number % 700),
        2 => format!("request {number:016x} to payments answered 503"),
        3 => format!("total of order {number} is {}.{:02}, expected another", number % 300, number % 100),
        _ => format!("retry {} of {number} for user-{}@shop.example", number % 4, number % 5000),
    }
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    let mut attribute = Vec::new();
    field(&mut attribute, 1, key.as_bytes());
    field(&mut attribute, 2, &text_value(value));
    attribute
}

/// `AnyValue` with a string.
fn text_value(text: &str) -> Vec<u8> {
    let mut value = Vec::new();
    field(&mut value, 1, text.as_bytes());
    value
}

/// A field of bytes: tag, length as varint, content.
fn field(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut left = content.len();
    while left >= 0x80 {
        message.push(left as u8 | 0x80);
        left >>= 7;
    }
    message.push(left as u8);
    message.extend_from_slice(content);
}
