//! Alertmanager and Prometheus, the real ones: each in a directory of its own, on a free port, and
//! ended by its process id.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{PATIENCE, http, needs};

/// How often a port may be taken by somebody else between finding and using it.
const PORTS_TRIED_MAX: usize = 5;

/// A running Alertmanager or Prometheus. Killed when dropped.
pub(crate) struct Peer {
    child: Child,
    pub(crate) address: String,
}

/// How an Alertmanager groups and repeats.
pub(crate) struct Grouping {
    /// The labels whose values make a group.
    pub(crate) by: &'static str,
    /// How long a new group waits for more.
    pub(crate) wait: &'static str,
    /// How often a group is looked at again.
    pub(crate) interval: &'static str,
    /// How often what fires is said again.
    pub(crate) repeat: &'static str,
}

/// As fast as Alertmanager goes, and quiet between changes.
pub(crate) const QUICK: Grouping = Grouping {
    by: "service",
    wait: "200ms",
    interval: "300ms",
    repeat: "1h",
};

/// Starts an Alertmanager that sends everything to `url`, showing `token`. Not clustered.
pub(crate) fn alertmanager(dir: &Path, url: &str, token: &str, grouping: &Grouping) -> Peer {
    needs("prometheus-alertmanager", "prometheus-alertmanager");
    std::fs::create_dir(dir).unwrap();
    let Grouping {
        by,
        wait,
        interval,
        repeat,
    } = grouping;
    let config = format!(
        "route:\n  receiver: hereby\n  group_by: [{by}]\n  group_wait: {wait}\n  \
         group_interval: {interval}\n  repeat_interval: {repeat}\n\
         receivers:\n- name: hereby\n  webhook_configs:\n  - url: {url}\n    \
         send_resolved: true\n    http_config:\n      authorization:\n        \
         type: Bearer\n        credentials: {token}\n"
    );
    let file = written(dir, "am.yml", &config);
    let storage = dir.join("storage");
    started(dir, "prometheus-alertmanager", &|address| {
        vec![
            format!("--config.file={}", file.display()),
            format!("--storage.path={}", storage.display()),
            format!("--web.listen-address={address}"),
            "--cluster.listen-address=".to_owned(),
        ]
    })
}

/// A hereby whose metrics a Prometheus reads.
pub(crate) struct Watched<'a> {
    pub(crate) address: &'a str,
    /// A token that may read.
    pub(crate) token: &'a str,
}

/// Starts a Prometheus with one rule file that sends its alerts to `target`, showing `token`. It
/// looks every second and says again every second what fires: four seconds of lease each time.
pub(crate) fn prometheus(
    dir: &Path,
    target: &str,
    token: &str,
    watched: &Watched<'_>,
    rules: &str,
) -> Peer {
    needs("prometheus", "prometheus");
    std::fs::create_dir(dir).unwrap();
    let rules = written(dir, "rules.yml", rules);
    let Watched {
        address,
        token: reader,
    } = watched;
    let shown =
        |token: &str| format!("authorization:\n      type: Bearer\n      credentials: {token}\n");
    let (sends, reads) = (shown(token), shown(reader));
    let config = format!(
        "global:\n  evaluation_interval: 1s\n  scrape_interval: 1s\nrule_files: [{rules:?}]\n\
         alerting:\n  alertmanagers:\n  - api_version: v2\n    scheme: http\n    \
         static_configs:\n    - targets: [\"{target}\"]\n    {sends}\
         scrape_configs:\n  - job_name: hereby\n    static_configs:\n    \
         - targets: [\"{address}\"]\n    {reads}"
    );
    let file = written(dir, "prom.yml", &config);
    let storage = dir.join("storage");
    started(dir, "prometheus", &|address| {
        vec![
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", storage.display()),
            format!("--web.listen-address={address}"),
            "--rules.alert.resend-delay=900ms".to_owned(),
        ]
    })
}

fn written(dir: &Path, name: &str, text: &str) -> PathBuf {
    let file = dir.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

fn started(dir: &Path, program: &str, args: &dyn Fn(&str) -> Vec<String>) -> Peer {
    let log = dir.join("log");
    for _ in 0..PORTS_TRIED_MAX {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let output = std::fs::File::create(&log).unwrap();
        let child = Command::new(program)
            .args(args(&address))
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut peer = Peer { child, address };
        if peer.becomes_ready() {
            return peer;
        }
    }
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    panic!("{program} does not start: {said}");
}

impl Peer {
    fn becomes_ready(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Ok((200, _)) = http(&self.address, "GET", "/-/ready", None, &[], "") {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Hands alerts to an Alertmanager, as a Prometheus would.
    pub(crate) fn tell(&self, alerts: &[Value]) {
        let body = Value::from(alerts).to_string();
        let (status, answer) =
            http(&self.address, "POST", "/api/v2/alerts", None, &[], &body).unwrap();
        assert_eq!(status, 200, "Alertmanager did not take it: {answer}");
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An alert as Alertmanager's own API takes it: it fires from now on.
pub(crate) fn fires(alertname: &str, service: &str, instance: &str) -> Value {
    json!({
        "labels": {
            "alertname": alertname,
            "instance": instance,
            "service": service,
            "severity": "critical",
        },
        "annotations": {"summary": format!("{alertname} of {service} on {instance}")},
        "generatorURL": "http://prometheus.example/graph",
    })
}

/// The same alert, over since `ended_at`.
pub(crate) fn resolves(alert: &Value, ended_at: &str) -> Value {
    let mut alert = alert.clone();
    alert["endsAt"] = json!(ended_at);
    alert
}
