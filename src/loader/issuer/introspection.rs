//! `issuers[].introspection`: the introspection endpoint (RFC 7662).

use crate::config::{AuthenticationMethod, Endpoint, Introspection};
use crate::loader::Environment;
use crate::loader::endpoint::{read_client, target, timeout};
use crate::loader::fields::{At, Findings, Zero};

pub(super) fn read(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<Introspection> {
    let mut fields = at.fields(found)?;
    let (uri, cluster) = target(&mut fields, found);
    let methods =
        [("basic", AuthenticationMethod::ClientSecretBasic), ("post", AuthenticationMethod::ClientSecretPost)];
    let method = fields.take("client_auth").and_then(|at| at.choice(&methods, found));
    let method = method.unwrap_or(AuthenticationMethod::ClientSecretBasic);
    let client = read_client(&mut fields, method, environment, found);
    let timeout = timeout(&mut fields, found);
    let cache_ttl = fields.duration("cache_ttl", 30, Zero::Allow, found);
    let max_in_flight = fields.take("max_in_flight").and_then(|at| at.whole(1, 100_000, found)).unwrap_or(64);
    fields.finish(found);
    let (uri, cluster) = uri.zip(cluster)?;
    let endpoint = Endpoint { uri, cluster, timeout, client };
    Some(Introspection { endpoint, cache_ttl, max_in_flight })
}
