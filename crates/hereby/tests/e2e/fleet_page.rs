//! The console's page of what edges run: a version on its way is drawn and followed, held and gone back from
//! with a few presses; and without JavaScript.

use std::process::{Child, Command, Stdio};

use crate::browser::{Browser, Like, drive};
use crate::harness::{HEREBY, Place, Server, eventually};
use crate::looks::Looks;

const TEMPLATE: &str = "name = \"slow\"\nwatch_ms = 60000\n[[stage]]\nreach = \"internal\"\n\
    time_ms_min = 600000\nrequests_min = 1000\n[[stage]]\nreach = \"all\"\n[[trigger]]\nname = \"errors\"\n\
    measure = \"errors\"\ncompare = true\nmost_ppm = 100000\n";

/// An edge of this place, ended with the test.
struct Edge(Child);

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Enrolls an edge in a cell of a ring, and starts it.
fn enrolled(place: &Place, server: &Server, name: &str, ring: &str) -> Edge {
    let cell = format!("{ring}-1");
    let token = place.dir.path().join(format!("{name}.token"));
    let state = place.dir.path().join(name);
    place.ok(&["cell", "define", &cell, "--ring", ring]);
    let output = token.to_str().unwrap();
    place.ok(&["edge", "invite", name, "--cell", &cell, "--output", output]);
    let url = format!("http://{}", server.address);
    let taken = Command::new(HEREBY)
        .args([
            "edge",
            "enroll",
            name,
            "--url",
            &url,
            "--token-file",
            output,
        ])
        .arg("--state-dir")
        .arg(&state)
        .output()
        .unwrap();
    assert!(taken.status.success(), "{taken:?}");
    let child = Command::new(HEREBY)
        .args(["edge", "--listen", "127.0.0.1:0", "--state-dir"])
        .arg(&state)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Edge(child)
}

/// A version on its way over two cells.
fn going(place: &Place, server: &Server) -> [Edge; 2] {
    let edges = [
        enrolled(place, server, "first", "internal"),
        enrolled(place, server, "second", "serving"),
    ];
    let file = place.dir.path().join("edge.toml");
    std::fs::write(
        &file,
        "[[listen]]\naddress = \"127.0.0.1:7780\"\n[[tenant]]\nname = \"shop\"\nhosts = [\"*\"]\n\
         [[route]]\nname = \"all\"\nrespond = { status = 200, body = \"hello\" }\n",
    )
    .unwrap();
    let template = place.dir.path().join("slow.toml");
    std::fs::write(&template, TEMPLATE).unwrap();
    let (file, template) = (file.to_str().unwrap(), template.to_str().unwrap());
    place.ok(&["deploy", file, "--template", template, "-m", "a new shop"]);
    eventually("the first edge runs it", || {
        let shown = place.json(&["fleet"]);
        shown["edges"][0]["standing"] == "follows"
    });
    edges
}

#[test]
fn a_version_on_its_way_is_drawn_followed_held_and_stopped() {
    let place = Place::new();
    let server = place.serve();
    let _edges = going(&place, &server);
    let mut looks = Looks::new();
    drive(async {
        let browser = Browser::open(Like::default()).await;
        browser.sign_in(&place, &server, "sam").await;
        browser.goes(&server, "/fleet").await;
        for text in [
            "dep-1",
            "a new shop",
            "internal-1",
            "serving-1",
            "follows",
            "of 1000 requests",
        ] {
            browser.reads(text).await;
        }
        browser.sees("ol.stages li.now svg.stage rect").await;
        looks.at("fleet-going", &browser).await;
        browser.is_like(Like::default()).await;
        // Held, by whoever looks on as well.
        browser.presses("a[href^='/do/deployment.pause']").await;
        browser.presses("form button.primary").await;
        browser.reads("Held where it is").await;
        place.ok(&["resume"]);
        browser.sees("a[href^='/do/deployment.pause']").await;
        place.ok(&["freeze", "-m", "the holidays"]);
        browser.reads("the holidays").await;
        looks.at("fleet-frozen", &browser).await;
        browser.is_like(Like::default()).await;
        // Going back works all the same.
        browser.presses("a[href^='/do/version.roll_back']").await;
        browser.presses("form button.primary").await;
        browser.reads("stopped").await;
        looks.at("fleet-stopped", &browser).await;
        looks.are_right();
    });
}

#[test]
fn what_goes_out_is_seen_and_stopped_without_javascript_on_a_phone() {
    let place = Place::new();
    let server = place.serve();
    let _edges = going(&place, &server);
    drive(async {
        let like = Like {
            javascript: false,
            width: 320,
            height: 700,
            ..Like::default()
        };
        let browser = Browser::open(like).await;
        browser.sign_in(&place, &server, "sam").await;
        browser.goes(&server, "/fleet").await;
        for text in ["dep-1", "internal-1", "follows"] {
            browser.reads(text).await;
        }
        browser.presses("a[href^='/do/version.roll_back']").await;
        browser.presses("form button.primary").await;
        browser.reads("stopped").await;
        browser.reads("No version was fully deployed yet").await;
    });
}
