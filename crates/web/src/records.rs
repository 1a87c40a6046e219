//! The record as the world may read it: checkpoint, hash tiles, entry bundles, verifier key (C2SP
//! `tlog-tiles`). Hashes are public; entries are for those who may read them.

use hyper::Method;
use record::kinds::access::Scope;
use record::tile::{TILE_WIDTH, TileId, encode_entry_bundle, parse_entries_path};

use crate::call::Call;
use crate::problem::Problem;
use crate::rates::Class;
use crate::read::{part, present_vkey};
use crate::reply::{Answer, BYTES, Keep, TEXT, with_type};
use crate::route::{Access, Form, Gives, Parameter, Route, Takes};
use crate::{prove, read};

const READERS: Access = Access::Scopes(&[Scope::Read, Scope::Witness]);

const INDEX: Parameter = part(
    "index",
    Form::Pattern("^(x[0-9]{3}/)*[0-9]{3}(\\.p/[0-9]{1,3})?$"),
    "Which, as tlog-tiles spells it",
);

pub(crate) fn routes() -> Vec<Route> {
    let get = |path: &str, access, summary: &str, gives, handler| Route {
        method: Method::GET,
        path: path.to_owned(),
        access,
        class: Class::Read,
        takes: Takes::Nothing,
        parts: vec![],
        query: vec![],
        headers: vec![],
        summary: summary.to_owned(),
        gives,
        fails: &[404, 500],
        handler,
    };
    vec![
        get(
            "/record/checkpoint",
            Access::Open,
            "Gives the published checkpoint, with cosignatures",
            Gives::other(TEXT, "A C2SP tlog-checkpoint"),
            |call| Box::pin(checkpoint(call)),
        ),
        get(
            "/record/vkey",
            READERS,
            "Gives the log's present verifier key",
            Gives::other(TEXT, "A C2SP verifier key"),
            |call| Box::pin(vkey(call)),
        ),
        Route {
            parts: vec![
                part("level", Form::Pattern("^[0-7]$"), "The tile's level"),
                INDEX,
            ],
            ..get(
                "/record/tile/{level}/{*index}",
                Access::Open,
                "Gives a hash tile",
                Gives::other(BYTES, "Up to 256 hashes of 32 bytes"),
                |call| Box::pin(tile(call)),
            )
        },
        Route {
            parts: vec![INDEX],
            ..get(
                "/record/tile/entries/{*index}",
                READERS,
                "Gives an entry bundle",
                Gives::other(
                    BYTES,
                    "Up to 256 entries, each behind its length in two bytes",
                ),
                |call| Box::pin(entries(call)),
            )
        },
    ]
}

async fn checkpoint(call: Call) -> Answer {
    let published = call.site.backstage().published();
    let published = published.ok_or_else(|| Problem::not_found("nothing was published yet"))?;
    Ok(with_type(published.note.clone(), TEXT, Keep::Never))
}

async fn vkey(call: Call) -> Answer {
    let vkey = present_vkey(&call.site);
    let vkey = vkey.ok_or_else(|| Problem::not_found("the record has no key yet"))?;
    Ok(with_type(format!("{vkey}\n"), TEXT, Keep::Never))
}

fn no_tile() -> Problem {
    Problem::not_found("the published tree has no such tile")
}

async fn tile(call: Call) -> Answer {
    let path = format!("tile/{}/{}", call.path("level"), call.path("index"));
    let id = TileId::parse(&path).ok_or_else(no_tile)?;
    let bytes = call.site.blocking(move |site| {
        let tile = prove::tile(site.backstage(), id);
        let tile = tile.map_err(|error| Problem::internal("the tile can't be read", &error))?;
        tile.ok_or_else(no_tile)
    });
    Ok(with_type(bytes.await?, BYTES, Keep::ForEverPublic))
}

async fn entries(call: Call) -> Answer {
    // Witnesses keep copies of everything.
    if !call.caller.holds(&[Scope::Witness]) {
        call.caller.sight().must_see_everything(&call.site)?;
    }
    let path = format!("tile/entries/{}", call.path("index"));
    let (index, width) = parse_entries_path(&path).ok_or_else(no_tile)?;
    let first = index
        .checked_mul(u64::from(TILE_WIDTH))
        .ok_or_else(no_tile)?;
    let end = first.checked_add(u64::from(width)).ok_or_else(no_tile)?;
    if call
        .site
        .backstage()
        .published()
        .is_none_or(|published| published.size < end)
    {
        return Err(no_tile());
    }
    let bundle = call.site.blocking(move |site| {
        let mut found = Vec::with_capacity(usize::from(width));
        let log = site.engine().entries();
        while found.len() < usize::from(width) {
            let (more, _) = read::entries_from(
                log.as_ref(),
                first + found.len() as u64,
                usize::from(width) - found.len(),
            )?;
            if more.is_empty() {
                return Err(no_tile());
            }
            found.extend(more.into_iter().map(|(_, entry)| entry));
        }
        let entries: Vec<&[u8]> = found.iter().map(Vec::as_slice).collect();
        encode_entry_bundle(&entries)
            .map_err(|error| Problem::internal("the bundle can't be made", &error))
    });
    Ok(with_type(bundle.await?, BYTES, Keep::ForEverPrivate))
}
