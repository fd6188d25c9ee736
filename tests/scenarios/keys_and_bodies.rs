//! When keys arrive before, during or after the body, under each setting and
//! host flag: a table beside the other, since each of its cells needs keys that
//! nobody has yet.

use serde_json::{Value, json};

use super::check::{self, Outcome};
use super::config;
use super::expect::{Expected, Server, denied, error, forwarded, invalid_token};
use super::request::{Answer, Request, SignedBy, call, request, token};
use crate::support::gate::Mode;
use crate::support::tokens::AUDIENCE;

/// One cell, and its place in the table, which is that of its issuer.
#[derive(Clone, Debug)]
pub struct Cell {
    pub number: usize,
    /// `hold_request_headers`
    pub setting: bool,
    /// `allow_on_headers_stop_iteration`
    pub flag: bool,
    pub keys: Keys,
    pub asks: Asks,
    pub expected: Expected,
}

/// When the keys arrive: then, in relation to the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    Before,
    During,
    After,
}

/// The operation of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    WhatIsAllowed,
    WhatIsDenied,
    /// With a token of a key that never arrives.
    WithAnUnknownKey,
}

/// The cells of one setting and flag.
pub const PER_HOST: usize = 9;

/// How long a request waits for a body that is not shown, in seconds.
pub const BODY_WAIT: u64 = 10;

/// The effect, in each kind of host, of a denial by the body.
#[derive(Clone, Copy)]
enum Host {
    /// The server sees its headers, and a body that breaks off.
    LetsHeadersGo,
    /// The server sees nothing.
    HoldsAll,
    /// No body is ever shown: an answer after a while, and the server sees nothing.
    NeverShowsABody,
}

use Host::{HoldsAll, LetsHeadersGo, NeverShowsABody};
use Keys::{After, Before, During};

/// Setting, flag, and what the host makes of it for each time of the keys.
type Group = (bool, bool, [(Keys, Host); 3]);

#[rustfmt::skip]
const TABLE: [Group; 4] = [
    (true,  true,  [(Before, HoldsAll),        (During, HoldsAll),        (After, HoldsAll)]),
    (false, false, [(Before, LetsHeadersGo),   (During, LetsHeadersGo),   (After, LetsHeadersGo)]),
    // Once a body was seen, its verdict alone lets the headers go.
    (false, true,  [(Before, LetsHeadersGo),   (During, HoldsAll),        (After, HoldsAll)]),
    (true,  false, [(Before, NeverShowsABody), (During, NeverShowsABody), (After, NeverShowsABody)]),
];

/// The whole table, a group for each setting and flag.
pub fn groups() -> Vec<Vec<Cell>> {
    let group = |(setting, flag, hosts): &Group| {
        let asked = |(keys, host): &(Keys, Host)| {
            let asks = [Asks::WhatIsAllowed, Asks::WhatIsDenied, Asks::WithAnUnknownKey];
            asks.map(|asks| (*keys, asks, expected(*host, asks)))
        };
        let cells = hosts.iter().flat_map(asked).enumerate();
        let cell =
            |(number, (keys, asks, expected))| Cell { number, setting: *setting, flag: *flag, keys, asks, expected };
        cells.map(cell).collect()
    };
    TABLE.iter().map(group).collect()
}

fn expected(host: Host, asks: Asks) -> Expected {
    match (host, asks) {
        // No issuer of the table names scopes for its challenge.
        (_, Asks::WithAnUnknownKey) => invalid_token("key_unknown").scope(""),
        (NeverShowsABody, _) => error(500, "misconfigured", "misconfigured"),
        (_, Asks::WhatIsAllowed) => forwarded(),
        (LetsHeadersGo, Asks::WhatIsDenied) => refusal().server(Server::Headers),
        (HoldsAll, Asks::WhatIsDenied) => refusal().server(Server::Nothing),
    }
}

fn refusal() -> Expected {
    denied("tools/call", "format_disk", "unlisted")
}

impl Cell {
    pub fn name(&self) -> String {
        let Self { setting, flag, keys, asks, .. } = self;
        format!("setting {setting}, flag {flag}: keys {keys:?} the body, a request {asks:?}")
    }

    /// The request, with a body of two pieces.
    pub fn request(&self) -> Request {
        let tool = if self.asks == Asks::WhatIsDenied { "format_disk" } else { "echo" };
        let key = if self.asks == Asks::WithAnUnknownKey { SignedBy::Unknown } else { SignedBy::Ed25519 };
        let request = call(tool).bearer(token("").claim("iss", issuer(self.number)).signed_by(key));
        let half = request.bytes().len() / 2 + 1;
        request.chunks(half)
    }

    /// A request that is answered as soon as the cell's keys are there.
    pub fn warm_up(&self) -> Request {
        request("GET").bearer(token("").claim("iss", issuer(self.number)))
    }

    pub fn differences(&self, outcome: &Outcome) -> Vec<String> {
        // Every cell says what its server sees; the mode has no part in it.
        check::compare(&self.request(), &Answer::default(), &self.expected, Mode::Ahead, outcome)
    }
}

/// The path of a cell's keys.
pub fn path(number: usize) -> String {
    format!("/cell-{number}")
}

fn issuer(number: usize) -> String {
    format!("https://cell-{number}.example.com")
}

/// The configuration of a group: an issuer for each cell, and one resource.
pub fn configuration(setting: bool) -> Value {
    let issuers = (0..PER_HOST).map(|number| {
        let jwks = json!({"uri": format!("{}{}", issuer(number), path(number)), "cluster": "auth", "timeout": "30s"});
        json!({"issuer": issuer(number), "name": format!("cell-{number}"), "jwks": jwks})
    });
    json!({
        "issuers": issuers.collect::<Vec<_>>(),
        "resources": [{
            "resource": AUDIENCE,
            "hosts": [config::MAIN],
            "policy": {"tools": {"echo": {"scopes": []}}},
        }],
        "hold_request_headers": setting,
    })
}
