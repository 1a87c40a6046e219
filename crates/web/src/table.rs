//! Every route there is: what can be reached follows from this table, and so does the OpenAPI
//! document. Each file that answers something adds its lines.

use std::sync::LazyLock;

use crate::route::Route;
use crate::{
    alerts, blobs, commands, edges, events, files, health, metrics, openapi, read, records,
    subscribers,
};

/// The table.
pub(crate) static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    [
        commands::routes(),
        read::routes(),
        edges::routes(),
        events::routes(),
        blobs::routes(),
        files::routes(),
        alerts::routes(),
        records::routes(),
        subscribers::routes(),
        health::routes(),
        metrics::routes(),
        openapi::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
});
