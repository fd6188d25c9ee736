//! `toolgate check` on the objects of a mesh: a warning for each that is missing, wrong, or set against the plugin's own.

use crate::run::Place;

/// A sound set of Istio's objects.
const ISTIO: &str = "\
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: toolgate, namespace: mcp}
spec:
  failStrategy: FAIL_RELOAD
  pluginConfig:
    issuers:
      - issuer: https://auth.example.com
        jwks:
          uri: https://auth.example.com/jwks
          cluster: outbound|443||auth.internal
    resources:
      - {resource: https://mcp.example.com/mcp, policy: {tools: {echo: {scopes: []}}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: issuer, namespace: mcp}
spec: {hosts: [auth.internal], ports: [{number: 443, name: https, protocol: HTTPS}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: issuer, namespace: mcp}
spec: {host: auth.internal, trafficPolicy: {tls: {mode: SIMPLE}}}
";

/// A sound set of Envoy Gateway's objects.
const ENVOY_GATEWAY: &str = "\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: {name: toolgate, namespace: mcp}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: mcp}]
  wasm:
    - failOpen: false
      config:
        issuers:
          - issuer: https://auth.example.com
            jwks:
              uri: https://auth.example.com/jwks
              cluster: httproute/mcp/issuer/rule/0
        resources:
          - resource: https://mcp.example.com/mcp
            policy: {tools: {echo: {scopes: []}}}
---
kind: ClientTrafficPolicy
metadata: {name: mcp, namespace: mcp}
spec:
  connection: {bufferLimit: 2Mi}
---
kind: HTTPRoute
metadata: {name: mcp, namespace: mcp}
spec:
  parentRefs: [{name: mcp}]
  rules:
    - matches:
        - path: {type: PathPrefix, value: /mcp}
        - path: {type: Exact, value: /.well-known/oauth-protected-resource/mcp}
      timeouts: {request: 0s}
---
kind: HTTPRoute
metadata: {name: issuer, namespace: mcp}
spec:
  rules:
    - backendRefs: [{kind: Backend, name: issuer}]
---
kind: BackendTLSPolicy
metadata: {name: issuer, namespace: mcp}
spec: {targetRefs: [{kind: Backend, name: issuer}], validation: {hostname: auth.example.com}}
---
kind: Gateway
metadata: {name: mcp, namespace: mcp}
";

/// The warnings for a set of objects: `line path: message`.
fn warnings(objects: &str) -> Vec<String> {
    let place = Place::new("mesh");
    let ran = place.file("mesh.yaml", objects).run("check --json mesh.yaml");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{objects}\n{}", ran.out);
    let found = ran.json();
    let all = found["configurations"].as_array().unwrap().iter().flat_map(|own| own["warnings"].as_array().unwrap());
    all.map(|own| format!("{} {}: {}", own["line"], own["path"].as_str().unwrap(), own["message"].as_str().unwrap()))
        .collect()
}

/// A change of a sound set: its name, a text and what takes its place, and how the only warning begins and goes on.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

fn assert_rows(sound: &str, rows: &[Row]) {
    assert_eq!(warnings(sound), Vec::<String>::new());
    for (name, old, new, begins, holds) in rows {
        assert!(sound.contains(old), "{name}: `{old}` is not in the sound set");
        let found = warnings(&sound.replace(old, new));
        if begins.is_empty() {
            assert_eq!(found, Vec::<String>::new(), "{name}");
            continue;
        }
        let [one] = found.as_slice() else { panic!("{name}: {found:#?}") };
        assert!(one.starts_with(begins) && one.contains(holds), "{name}: {one}");
    }
}

#[test]
fn each_fault_around_a_plugin_of_istio_is_a_warning() {
    let cluster = "11 issuers[0].jwks.cluster: ";
    let rows: &[Row] = &[
        (
            "a failure lets requests through",
            "FAIL_RELOAD",
            "FAIL_OPEN",
            "5 WasmPlugin mcp/toolgate, spec.failStrategy: ",
            "set it to FAIL_RELOAD",
        ),
        ("a failure denies", "FAIL_RELOAD", "FAIL_CLOSE", "", ""),
        (
            "headers that cannot be held",
            "    resources:",
            "    hold_request_headers: true\n    resources:",
            "12 hold_request_headers: ",
            "Use an EnvoyFilter",
        ),
        ("another port", "number: 443", "number: 80", cluster, "no ServiceEntry here has the host `auth.internal`"),
        ("another host", "hosts: [auth.internal]", "hosts: [auth.example.com]", cluster, "no ServiceEntry"),
        ("no name of Istio's", "outbound|443||auth.internal", "auth", cluster, "`outbound|<port>||<host>`"),
        ("no TLS", "tls: {mode: SIMPLE}", "tls: {mode: DISABLE}", cluster, "no DestinationRule here sets TLS"),
        ("TLS for another host", "host: auth.internal", "host: other.internal", cluster, "in the clear"),
        ("a URL without TLS", "uri: https:", "uri: http:", "10 issuers[0].jwks.uri: ", ""),
        (
            "any certificate",
            "mode: SIMPLE",
            "mode: SIMPLE, insecureSkipVerify: true",
            cluster,
            "remove `insecureSkipVerify`",
        ),
        // What Istio 1.31 makes of it: `constructUpstreamTLS` in its pilot.
        ("the names of the request", "mode: SIMPLE", "mode: SIMPLE, caCertificates: /etc/ca.pem", "", ""),
        (
            "any name",
            "mode: SIMPLE",
            "mode: SIMPLE, sni: auth.example.com",
            cluster,
            "the certificate of any name is accepted",
        ),
        ("a name", "mode: SIMPLE", "mode: SIMPLE, sni: auth.example.com, subjectAltNames: [auth.example.com]", "", ""),
        (
            "a name in the ServiceEntry",
            "mode: SIMPLE}}}\n",
            "mode: SIMPLE, sni: a}}}\n---\nkind: ServiceEntry\nspec: {hosts: [auth.internal], subjectAltNames: [a]}\n",
            "",
            "",
        ),
        ("a secret", "mode: SIMPLE", "mode: SIMPLE, credentialName: ca", cluster, "which sidecars ignore"),
        ("a config map", "mode: SIMPLE", "mode: SIMPLE, credentialName: \"configmap://ca\"", "", ""),
        (
            "a secret for some workloads",
            "{host: auth.internal, trafficPolicy: {tls: {mode: SIMPLE",
            "{workloadSelector: {matchLabels: {app: gate}}, host: auth.internal, trafficPolicy: {tls: {credentialName: ca, mode: SIMPLE",
            "",
            "",
        ),
        ("TLS for all hosts below a name", "host: auth.internal", "host: \"*.internal\"", "", ""),
        (
            "TLS for this port",
            "{tls: {mode: SIMPLE}}",
            "{portLevelSettings: [{port: {number: 443}, tls: {mode: SIMPLE}}]}",
            "",
            "",
        ),
        (
            "TLS for another port",
            "{tls: {mode: SIMPLE}}",
            "{portLevelSettings: [{port: {number: 8443}, tls: {mode: SIMPLE}}]}",
            cluster,
            "no DestinationRule here sets TLS",
        ),
        (
            "TLS for all ports but this",
            "{tls: {mode: SIMPLE}}",
            "{portLevelSettings: [{port: {number: 443}, tls: {mode: DISABLE}}], tls: {mode: SIMPLE}}",
            cluster,
            "in the clear",
        ),
        ("a service of the cluster", "outbound|443||auth.internal", "outbound|443||auth.id.svc.cluster.local", "", ""),
    ];
    assert_rows(ISTIO, rows);
    let subset = ISTIO.replace("outbound|443||", "outbound|443|blue|");
    let named =
        subset.replace("{host: auth", "{subsets: [{name: blue, trafficPolicy: {tls: {mode: DISABLE}}}], host: auth");
    assert_eq!(warnings(&subset), Vec::<String>::new(), "a subset has what all have");
    assert!(warnings(&named)[0].contains("in the clear"), "a subset has its own");
    let added = "---\nkind: EnvoyFilter\nspec: {configPatches: [{applyTo: CLUSTER}]}\n";
    let named = ISTIO.replace("outbound|443||auth.internal", "auth");
    assert_eq!(warnings(&format!("{named}{added}")), Vec::<String>::new(), "an EnvoyFilter adds the cluster");
}

#[test]
fn each_fault_around_a_plugin_of_envoy_gateway_is_a_warning() {
    let cluster = "13 issuers[0].jwks.cluster: ";
    let rows: &[Row] = &[
        (
            "a failure lets requests through",
            "failOpen: false",
            "failOpen: true",
            "7 EnvoyExtensionPolicy mcp/toolgate, spec.wasm[0].failOpen: ",
            "set it to false",
        ),
        (
            "no buffer",
            "  connection: {bufferLimit: 2Mi}",
            "  http1: {}",
            "1 EnvoyExtensionPolicy mcp/toolgate: ",
            "32Ki",
        ),
        (
            "a small buffer",
            "bufferLimit: 2Mi",
            "bufferLimit: 900Ki",
            "21 ClientTrafficPolicy mcp/mcp, spec.connection.bufferLimit: ",
            "Set it to 2Mi",
        ),
        ("a buffer in bytes", "bufferLimit: 2Mi", "bufferLimit: 2097152", "", ""),
        (
            "headers that nothing holds",
            "        resources:",
            "        hold_request_headers: true\n        resources:",
            "14 hold_request_headers: ",
            "no EnvoyPatchPolicy here sets",
        ),
        (
            "a flag without the option",
            "kind: Gateway\n",
            "kind: EnvoyPatchPolicy\nspec: {jsonPatches: [{operation: {path: x/allow_on_headers_stop_iteration, value: true}}]}\n---\nkind: Gateway\n",
            "9 hold_request_headers: ",
            "headers go ahead all the same",
        ),
        (
            "the metadata has no route",
            "/oauth-protected-resource/mcp",
            "/oauth-protected-resource/other",
            "15 resources[0].resource: HTTPRoute mcp/mcp matches no path `/.well-known/oauth-protected-resource/mcp`",
            "Add a match",
        ),
        (
            "the metadata by a prefix",
            "{type: Exact, value: /.well-known/oauth-protected-resource/mcp}",
            "{value: /.well-known/oauth-protected-resource}",
            "",
            "",
        ),
        (
            "a prefix ends with a segment",
            "{type: Exact, value: /.well-known/oauth-protected-resource/mcp}",
            "{value: /.well-known/oauth-protected-resource/m}",
            "15 resources[0].resource: ",
            "Add a match",
        ),
        (
            "exchanges that end after 15 s",
            "timeouts: {request: 0s}",
            "name: mcp",
            "28 HTTPRoute mcp/mcp, spec.rules[0].timeouts.request: ",
            "Set it to 0s",
        ),
        (
            "a policy on no route",
            "kind: HTTPRoute, name: mcp",
            "kind: HTTPRoute, name: nothing",
            "1 EnvoyExtensionPolicy mcp/toolgate, spec.targetRefs: ",
            "is open",
        ),
        ("a policy on the gateway", "kind: HTTPRoute, name: mcp", "kind: Gateway, name: mcp", "", ""),
        ("no such rule", "issuer/rule/0", "issuer/rule/1", cluster, "only a route makes a cluster"),
        ("a route of another namespace", "httproute/mcp/issuer", "httproute/default/issuer", cluster, "default/issuer"),
        ("no name of Envoy Gateway's", "httproute/mcp/issuer/rule/0", "auth", cluster, "`httproute/<namespace>"),
        (
            "a route that attaches to no listener",
            "    - backendRefs: [{kind: Backend, name: issuer}]",
            "    - backendRefs: [{kind: Backend, name: issuer}]\n  hostnames: [issuer.invalid]\n  parentRefs: [{name: other}]\n---\nkind: Gateway\nmetadata: {name: other, namespace: mcp}\nspec: {listeners: [{hostname: \"*.example.com\"}]}",
            cluster,
            "no listener of a gateway here has a hostname of HTTPRoute mcp/issuer",
        ),
        (
            "a route that attaches to a wildcard",
            "    - backendRefs: [{kind: Backend, name: issuer}]",
            "    - backendRefs: [{kind: Backend, name: issuer}]\n  hostnames: [a.example.com]\n  parentRefs: [{name: other}]\n---\nkind: Gateway\nmetadata: {name: other, namespace: mcp}\nspec: {listeners: [{hostname: \"*.example.com\"}]}",
            "",
            "",
        ),
        ("no TLS", "targetRefs: [{kind: Backend", "targetRefs: [{kind: Service", cluster, "in the clear"),
    ];
    assert_rows(ENVOY_GATEWAY, rows);
}

#[test]
fn a_plugin_alone_says_nothing_about_what_is_around_it() {
    let alone = |set: &'static str| set.split("---\n").next().unwrap();
    assert_eq!(warnings(alone(ISTIO)), Vec::<String>::new());
    // But for the buffer: with Envoy Gateway's own, lists are cut.
    let found = warnings(alone(ENVOY_GATEWAY));
    assert!(found.len() == 1 && found[0].contains("bufferLimit"), "{found:?}");
}

#[test]
fn each_plugin_of_a_file_has_its_own_warnings() {
    let held = ISTIO.split("---\n").next().unwrap().replace("name: toolgate", "name: other");
    let held = held.replace("FAIL_RELOAD", "FAIL_OPEN");
    let found = warnings(&format!("{ISTIO}---\n{held}---\n{ENVOY_GATEWAY}"));
    assert!(found.len() == 1 && found[0].contains("WasmPlugin mcp/other, spec.failStrategy"), "{found:?}");
}

#[test]
fn a_filter_that_verifies_tokens_too_comes_after_toolgate_and_gets_them() {
    let istio = "---\nkind: RequestAuthentication\nmetadata: {name: jwt, namespace: mcp}\n";
    let principal = "---\nkind: AuthorizationPolicy\nspec: {rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}\n";
    let authn = ISTIO.replace("spec:\n  fail", "spec:\n  phase: AUTHN\n  fail");
    let kept = authn.replace("policy: {tools", "forward: {authorization: keep}, policy: {tools");
    let gateway = "---\nkind: SecurityPolicy\nmetadata: {name: jwt, namespace: mcp}\nspec: {jwt: {}}\n";
    let order = "---\nkind: EnvoyProxy\nspec: {filterOrder: [{name: envoy.filters.http.wasm, before: envoy.filters.http.jwt_authn}]}\n";
    let keep = "            forward: {authorization: keep}\n            policy: {tools";
    let gateway_kept = ENVOY_GATEWAY.replace("            policy: {tools", keep);
    for (name, objects, said) in [
        ("Istio's is before", format!("{ISTIO}{istio}"), "WasmPlugin mcp/toolgate, spec.phase: is not AUTHN"),
        ("Istio's is after, and nothing needs it", format!("{authn}{istio}"), ""),
        ("Istio's gets no token", format!("{authn}{istio}{principal}"), "RequestAuthentication mcp/jwt: gets no token"),
        ("Istio's gets the token", format!("{kept}{istio}{principal}"), ""),
        ("Envoy Gateway's is before", format!("{ENVOY_GATEWAY}{gateway}"), "SecurityPolicy mcp/jwt: `spec.jwt` makes"),
        ("Envoy Gateway's gets no token", format!("{ENVOY_GATEWAY}{gateway}{order}"), "gets no token"),
        ("Envoy Gateway's gets the token", format!("{gateway_kept}{gateway}{order}"), ""),
    ] {
        let found = warnings(&objects);
        assert_eq!(found.len(), usize::from(!said.is_empty()), "{name}: {found:#?}");
        assert!(found.iter().all(|own| own.contains(said)), "{name}: {found:#?}");
    }
}
