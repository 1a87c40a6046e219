//! Several teams see what they should: with tokens of people whose permissions are for a team.

use serde_json::json;

use crate::wire::{Ask, Reply};
use crate::world::World;

/// Payments looks after checkout, search after the index; pat is in payments, robin in search, sam
/// an admin. INC-1 is of checkout, INC-2 of the index, INC-3 nobody's, INC-4 checkout's and private.
struct Town {
    world: World,
    pat: String,
    robin: String,
    sam: String,
}

impl Town {
    fn new() -> Town {
        let world = World::new();
        let mut serial = 0;
        let mut done = |name: &str, args: serde_json::Value| {
            serial += 1;
            world.done(name, &format!("town/{serial}"), &args);
        };
        for team in ["payments", "search"] {
            done("team.register", json!({"team": team}));
        }
        for (service, owner) in [("checkout", "payments"), ("index", "search")] {
            done(
                "service.register",
                json!({"service": service, "owner": owner, "tier": 1}),
            );
        }
        for person in ["pat", "robin", "sam"] {
            done("person.register", json!({"person": person}));
        }
        for (title, service, private) in [
            ("one", Some("checkout"), false),
            ("two", Some("index"), false),
            ("three", None, false),
            ("four", Some("checkout"), true),
        ] {
            let declared =
                json!({"title": title, "severity": 2, "service": service, "private": private});
            done("incident.declare", declared);
        }
        for (person, permission, team) in [
            // The first of all: once somebody governs, another admin takes another person.
            ("sam", "admin", None),
            ("pat", "responder", Some("payments")),
            ("robin", "viewer", Some("search")),
        ] {
            done(
                "permission.grant",
                json!({"person": person, "permission": permission, "team": team}),
            );
        }
        let token = |person: &str| {
            world.token_for(
                &["read", "respond"],
                &json!({"type": "person", "id": person}),
            )
        };
        let (pat, robin, sam) = (token("pat"), token("robin"), token("sam"));
        Town {
            world,
            pat,
            robin,
            sam,
        }
    }

    fn ask(&self, who: &str, path: &str) -> Reply {
        self.world.remote(&Ask::get(path).token(who))
    }

    /// The incidents in somebody's list.
    fn list(&self, who: &str) -> Vec<String> {
        let page = self.ask(who, "/api/v1/incidents?status=all").json();
        let items = page["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn a_list_has_what_ones_teams_look_after_and_what_is_nobodys() {
    let town = Town::new();
    assert_eq!(town.list(&town.pat), ["INC-3", "INC-1"]);
    assert_eq!(town.list(&town.robin), ["INC-3", "INC-2"]);
    assert_eq!(town.list(&town.sam), ["INC-4", "INC-3", "INC-2", "INC-1"]);
}

#[test]
fn what_one_may_not_see_is_not_there() {
    let town = Town::new();
    for path in ["", "/timeline", "/export"] {
        let path = format!("/api/v1/incidents/INC-2{path}");
        town.ask(&town.pat, &path).refused(404, "not_found");
    }
    town.ask(&town.robin, "/api/v1/incidents/INC-2").expect(200);
    town.ask(&town.pat, "/api/v1/events?incident=INC-2")
        .refused(404, "not_found");
    // Acts of it are passed over, and the place in the list stays the record's.
    let acts = |who: &str| {
        let page = town.ask(who, "/api/v1/acts?limit=1000").json();
        page["items"].as_array().unwrap().clone()
    };
    let of_two = |item: &&serde_json::Value| item["act"]["subject"]["id"] == "INC-2";
    let whole = acts(&town.sam);
    let (hidden, seen) = (whole.iter().find(of_two).unwrap(), acts(&town.pat));
    assert!(!seen.iter().any(|item| of_two(&item)));
    assert!(seen.len() < whole.len() && !seen.is_empty());
    for name in [hidden["index"].to_string(), {
        hidden["act"]["id"].as_str().unwrap().to_owned()
    }] {
        let path = format!("/api/v1/acts/{name}");
        town.ask(&town.pat, &path).refused(404, "not_found");
        town.ask(&town.sam, &path).expect(200);
    }
    let entries = "/record/tile/entries/000.p/1";
    town.ask(&town.pat, entries).refused(403, "forbidden");
}

#[test]
fn who_takes_part_sees_and_who_leaves_does_not() {
    let town = Town::new();
    let join = json!({"incident": "INC-4", "person": "robin"});
    town.world.done("incident.join", "join", &join);
    assert_eq!(town.list(&town.robin), ["INC-4", "INC-3", "INC-2"]);
    let shown = town.ask(&town.robin, "/api/v1/incidents/INC-4").json();
    assert_eq!(shown["incident"]["title"], "four");
    town.world.done("incident.leave", "leave", &join);
    town.ask(&town.robin, "/api/v1/incidents/INC-4")
        .refused(404, "not_found");
}
