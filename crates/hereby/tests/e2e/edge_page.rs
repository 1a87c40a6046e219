//! The console's page of an edge that serves: what it refuses and where it leads is drawn, looks right
//! in both themes and sizes, and follows what happens without being asked.

use std::process::{Child, Command, Stdio};

use crate::browser::{Browser, Like, drive};
use crate::harness::{HEREBY, Place, eventually};
use crate::looks::Looks;

/// An edge beside this place's server, ended with the test.
struct Edge {
    child: Child,
    address: String,
}

impl Edge {
    fn start(place: &Place) -> Edge {
        let free = || {
            let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            socket.local_addr().unwrap().to_string()
        };
        let (address, nobody, also_nobody) = (free(), free(), free());
        let config = place.dir.path().join("edge.toml");
        let text = format!(
            "[[listen]]\naddress = \"{address}\"\n\
             [[limit]]\nname = \"few\"\nkey = \"address\"\nrate = {{ requests = 1, per_ms = 3600000 }}\n\
             [[upstream]]\nname = \"shop\"\nservers = [\"{nobody}\", \"{also_nobody}\"]\n\
             [upstream.health]\npath = \"/\"\nevery_ms = 200\ntimeout_ms = 200\nunhealthy_after = 1\n\
             [[tenant]]\nname = \"shop\"\nhosts = [\"shop.example\"]\n\
             [[tenant]]\nname = \"pay\"\nhosts = [\"pay.example\"]\n\
             [[route]]\nname = \"shop\"\ntenant = \"shop\"\nto = \"shop\"\n\
             mirror = {{ directory = \"mirror\", index = \"index.html\" }}\n\
             [route.failover]\nwait_ms = 0\nhold_ms = 0\n\
             [[route]]\nname = \"pay\"\ntenant = \"pay\"\nlimits = [\"few\"]\n\
             respond = {{ status = 200, body = \"paid\" }}\n"
        );
        std::fs::write(&config, text).unwrap();
        let mirror = place.dir.path().join("mirror");
        std::fs::create_dir_all(&mirror).unwrap();
        std::fs::write(mirror.join("index.html"), "from the mirror").unwrap();
        let state = place.data().join("edge");
        std::fs::create_dir_all(&state).unwrap();
        let child = Command::new(HEREBY)
            .args(["edge", "--config"])
            .arg(config)
            .arg("--state-dir")
            .arg(state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let edge = Edge { child, address };
        eventually("the mirror answers", || {
            edge.ask("shop.example") == Some(200)
        });
        edge
    }

    fn ask(&self, host: &str) -> Option<u16> {
        let output = Command::new("curl")
            .args([
                "-s",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                "--max-time",
                "5",
            ])
            .args(["-H", &format!("Host: {host}")])
            .arg(format!("http://{}/", self.address))
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).parse().ok()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_edges_page_draws_what_it_does_and_follows() {
    let place = Place::new();
    let server = place.serve();
    let edge = Edge::start(&place);
    assert_eq!(edge.ask("pay.example"), Some(200));
    for _ in 0..3 {
        assert_eq!(edge.ask("pay.example"), Some(429));
    }
    let mut looks = Looks::new();
    drive(async {
        let browser = Browser::open(Like::default()).await;
        browser.sign_in(&place, &server, "sam").await;
        browser.goes(&server, "/edge").await;
        for text in [&edge.address, "degraded", "mirror", "limit", "unhealthy"] {
            browser.reads(text).await;
        }
        browser.sees("#edge svg.bar rect").await;
        // It follows by itself.
        assert_eq!(edge.ask("nobody.example"), Some(421));
        browser.reads("tenant_unknown").await;
        looks.at("edge-serving", &browser).await;
        looks.are_right();
    });
}
