//! The real Alertmanager, told of an alert, calls a listener of this test; what it sends is read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop anywhere")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hearback_alertmanager::{AlertEvent, Notification, Options, parse_webhook};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const DEADLINE: Duration = Duration::from_secs(60);

struct Alertmanager {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Alertmanager {
    /// Starts one that calls `webhook_port`. Debian and the project's own archive name the program differently.
    fn start(webhook_port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alertmanager.yml");
        let configuration = format!(
            "route: {{receiver: hearback, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n\
             receivers: [{{name: hearback, webhook_configs: [{{url: 'http://127.0.0.1:{webhook_port}/', \
             send_resolved: true}}]}}]\n"
        );
        std::fs::write(&file, configuration).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let start = |program: &str| {
            Command::new(program)
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.path={}", folder.path().join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .arg("--cluster.listen-address=")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        };
        let process = start("prometheus-alertmanager")
            .or_else(|_| start("alertmanager"))
            .expect("this test needs Alertmanager: apt-get install prometheus-alertmanager");
        let started = Alertmanager { process, port, _folder: folder };
        let deadline = Instant::now() + DEADLINE;
        while !started.answers() {
            assert!(Instant::now() < deadline, "Alertmanager did not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        started
    }

    fn answers(&self) -> bool {
        self.call("GET", "/-/ready", "").is_ok_and(|status| status.contains(" 200 "))
    }

    /// The status line of the answer.
    fn call(&self, method: &str, path: &str, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status)?;
        Ok(status)
    }
}

/// The body of the next call, which is answered with 200.
fn next_webhook(listener: &TcpListener) -> Vec<u8> {
    listener.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + DEADLINE;
    let stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(_) => assert!(Instant::now() < deadline, "Alertmanager called nobody"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    body
}

/// Reads calls until one holds what is wanted: Alertmanager may repeat itself.
fn notified(listener: &TcpListener, wanted: fn(&AlertEvent) -> bool) -> Notification {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let body = next_webhook(listener);
        let notification = parse_webhook(&body, Timestamp::now(), &Options::default())
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)));
        if notification.events.iter().any(wanted) {
            return notification;
        }
        assert!(Instant::now() < deadline, "what was wanted did not come");
    }
}

#[test]
fn an_alert_of_the_real_alertmanager_fires_and_resolves() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let alertmanager = Alertmanager::start(listener.local_addr().unwrap().port());
    let started_at: Timestamp =
        (Timestamp::now() - SignedDuration::from_mins(3)).round(jiff::Unit::Millisecond).unwrap();
    let mut alert = json!({
        "labels": {"alertname": "HighErrorRate", "service": "checkout", "severity": "critical"},
        "annotations": {"summary": "5xx above 2 %", "runbook_url": "https://wiki.example/checkout"},
        "startsAt": started_at.to_string(),
        "generatorURL": "http://prometheus.example/graph",
    });
    let status = alertmanager.call("POST", "/api/v2/alerts", &json!([alert]).to_string()).unwrap();
    assert!(status.contains(" 200 "), "{status}");

    let fired = notified(&listener, |event| matches!(event, AlertEvent::Fired(_)));
    assert_eq!((fired.missing, &fired.notes), (None, &vec![]));
    let [AlertEvent::Fired(seen)] = fired.events.as_slice() else { panic!("{fired:?}") };
    assert_eq!(seen.name.as_untrusted(), "HighErrorRate");
    assert_eq!(seen.service.as_ref().unwrap().as_str(), "checkout");
    assert_eq!(seen.level.as_deref(), Some("critical"));
    assert_eq!(seen.started_at, started_at);
    assert_eq!(seen.link.as_deref(), Some("http://prometheus.example/graph"));
    assert_eq!(seen.fingerprint.len(), 16, "Alertmanager's own: {}", seen.fingerprint);

    let ended_at: Timestamp =
        (Timestamp::now() - SignedDuration::from_secs(1)).round(jiff::Unit::Millisecond).unwrap();
    alert["endsAt"] = json!(ended_at.to_string());
    let status = alertmanager.call("POST", "/api/v2/alerts", &json!([alert]).to_string()).unwrap();
    assert!(status.contains(" 200 "), "{status}");
    let resolved = notified(&listener, |event| matches!(event, AlertEvent::Resolved { .. }));
    let expect = AlertEvent::Resolved { fingerprint: seen.fingerprint.clone(), at: ended_at };
    assert_eq!(resolved.events, vec![expect]);
}
