//! What an edge does when something it depends on fails: one declared mode for each dependency, and no
//! surprise. **Open**: it goes on without, and says so. **Closed**: it refuses, because going on would
//! let in who must not come in, or answer what nobody said.
//!
//! The page `docs/reference/edge-modes.md` holds the same table, and a test compares them. This
//! decides nothing for a request; the modules that do are tried against it.

use core::fmt::Write as _;

/// What an edge depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dependency {
    Control,
    Disk,
    ClockJump,
    ClientCas,
    RevocationList,
    Crl,
    CertificateFiles,
    Dns,
    Upstream,
    AccessLog,
    Metrics,
    BanList,
}

/// What happens without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It goes on without, and says so.
    Open,
    /// It refuses what needs it.
    Closed,
}

/// What is declared of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// When it counts as failed.
    pub fails: &'static str,
    pub mode: Mode,
    pub goes_on: &'static str,
    /// What does not, and how one sees it.
    pub stops: &'static str,
}

/// Its mode.
pub fn mode(dependency: Dependency) -> Mode {
    dependency.declared().mode
}

impl Dependency {
    /// Each of them, in the order of the table.
    pub const ALL: &[Dependency] = &[
        Dependency::Control,
        Dependency::Disk,
        Dependency::ClockJump,
        Dependency::ClientCas,
        Dependency::RevocationList,
        Dependency::Crl,
        Dependency::CertificateFiles,
        Dependency::Dns,
        Dependency::Upstream,
        Dependency::AccessLog,
        Dependency::Metrics,
        Dependency::BanList,
    ];

    /// What is declared of it.
    pub fn declared(self) -> &'static Declared {
        match self {
            Dependency::Control => &CONTROL,
            Dependency::Disk => &DISK,
            Dependency::ClockJump => &CLOCK_JUMP,
            Dependency::ClientCas => &CLIENT_CAS,
            Dependency::RevocationList => &REVOCATION_LIST,
            Dependency::Crl => &CRL,
            Dependency::CertificateFiles => &CERTIFICATE_FILES,
            Dependency::Dns => &DNS,
            Dependency::Upstream => &UPSTREAM,
            Dependency::AccessLog => &ACCESS_LOG,
            Dependency::Metrics => &METRICS,
            Dependency::BanList => &BAN_LIST,
        }
    }
}

/// The table of all of them, in Markdown, with a line end behind each row.
pub fn table() -> String {
    let mut table =
        "| what fails | mode | what goes on | what does not, and how one sees it |\n|---|---|---|---|\n"
            .to_owned();
    for dependency in Dependency::ALL {
        let declared = dependency.declared();
        let mode = match declared.mode {
            Mode::Open => "open",
            Mode::Closed => "closed",
        };
        writeln!(
            table,
            "| {} | {mode} | {} | {} |",
            declared.fails, declared.goes_on, declared.stops
        )
        .expect("writing to a text does not fail");
    }
    table
}

const CONTROL: Declared = Declared {
    fails: "control can't be reached",
    mode: Mode::Open,
    goes_on: "everything, with the configuration, bans and revocations heard last",
    stops: "nothing new is heard; `edge_overlay_sequence` says up to which act of the record it was",
};

const DISK: Declared = Declared {
    fails: "the disk is full, or gone",
    mode: Mode::Open,
    goes_on: "every request: none needs the disk, but those for a mirror's files",
    stops: "a mirror whose directory is gone is a tier that is down; what is counted of client \
            certificates is not kept over a crash",
};

const CLOCK_JUMP: Declared = Declared {
    fails: "the time of day jumps",
    mode: Mode::Closed,
    goes_on: "limits, deadlines, breakers and failover: they count on a clock that never jumps",
    stops: "certificates and CRLs are judged by what the clock says, and those out of date by \
            it are refused: `certificate_expired`, `revocation_unknown`",
};

const CLIENT_CAS: Declared = Declared {
    fails: "a tenant's CA file can't be read",
    mode: Mode::Closed,
    goes_on: "an edge that runs, with the CAs read last",
    stops: "an edge does not start with it, and a reload or an upgrade is refused; while it runs \
            `edge_files_unread_total` counts",
};

const REVOCATION_LIST: Declared = Declared {
    fails: "a tenant's revocation list can't be read, or has a bad line",
    mode: Mode::Closed,
    goes_on: "other tenants; of this one, who needs no certificate",
    stops: "everybody with a certificate is refused: `revocation_unknown`",
};

const CRL: Declared = Declared {
    fails: "a CRL can't be read, is past its next update, or an issuer has none beside others \
            that do",
    mode: Mode::Closed,
    goes_on: "other tenants; of this one, who needs no certificate, and other issuers unless it \
              can't be read",
    stops: "that issuer's certificates are refused, or everybody's where a file can't be read: \
            `revocation_unknown`",
};

const CERTIFICATE_FILES: Declared = Declared {
    fails: "the edge's own certificates can't be read again",
    mode: Mode::Open,
    goes_on: "handshakes, with the certificates read last",
    stops: "a name that never had one is not served: `server_name_unknown`; what is read last \
            runs out some day: `edge_certificate_ends_timestamp_seconds` says when",
};

const DNS: Declared = Declared {
    fails: "a server's name can't be looked up",
    mode: Mode::Open,
    goes_on: "requests, to the addresses found last",
    stops: "a name that was never found is a server that is down",
};

const UPSTREAM: Declared = Declared {
    fails: "no server of an upstream answers",
    mode: Mode::Closed,
    goes_on: "other routes; this one with its next tier, after the wait of its plan",
    stops: "no answer is made up: `upstream_unhealthy`, `upstream_unreachable`, \
            `upstream_too_slow`, `upstream_broken`, `breaker_open`",
};

const ACCESS_LOG: Declared = Declared {
    fails: "the access log can't be written, or not fast enough",
    mode: Mode::Open,
    goes_on: "every request",
    stops: "lines are dropped, and counted",
};

const METRICS: Declared = Declared {
    fails: "nobody reads the metrics, or they would take more room than they may",
    mode: Mode::Open,
    goes_on: "every request",
    stops: "requests of tenants beyond 1,000 are counted together; routes and upstreams beyond \
            have no series of their own, and `edge_unlisted` says how many",
};

const BAN_LIST: Declared = Declared {
    fails: "a list of bans can't be read",
    mode: Mode::Open,
    goes_on: "every request; bans that were read last hold, for as long as they said",
    stops: "without any read before, nobody on it is banned; it is said, and counted",
};

#[cfg(test)]
mod tests;
