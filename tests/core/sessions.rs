//! Sessions bound to their caller, whatever the id, the caller and the query.

use proptest::prelude::*;
use toolgate::bearer::NoCredentials;
use toolgate::caller::Caller;
use toolgate::sessions::{Owner, SessionFault, Sessions};
use toolgate::token::{AccessToken, Assumed};

use crate::support::session_readers::SessionReader;

const RESOURCE: &str = "https://mcp.example.com/mcp";

fn sessions() -> Sessions {
    Sessions::new("0123456789abcdef0123456789abcdef".to_owned(), None)
}

fn nobody() -> Caller {
    Caller::Anonymous(NoCredentials::assumed())
}

fn caller() -> impl Strategy<Value = Caller> {
    let part = || proptest::option::of("[ab]{0,2}");
    let token = ("[ab]{0,2}", part(), part()).prop_map(|(issuer, subject, client)| {
        AccessToken::assumed(Assumed { issuer, subject, client, ..Assumed::default() }).into()
    });
    prop_oneof![9 => token, 1 => Just(nobody())]
}

fn is_same(a: &Caller, b: &Caller) -> bool {
    let parts = |caller: &Caller| {
        caller.token().map(|token| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            (token.issuer().to_owned(), owned(token.subject()), owned(token.client()))
        })
    };
    parts(a) == parts(b)
}

/// A query of session ids in all spellings. `OWN` stands for the caller's own id as it sees it.
fn query() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("sessionId".to_owned()),
        Just("session_id".to_owned()),
        proptest::sample::select(vec![
            "sessionid",
            "SESSION_ID",
            "session.id",
            "session[id",
            "sessionId[]",
            "session_id[a][b]",
            " session_id",
            "sessionId\0x",
            "\u{17f}essionId",
            "a[sessionId]",
            "session",
            "x",
            "",
        ])
        .prop_map(str::to_owned),
    ];
    let encoded = (name, any::<u32>()).prop_map(|(name, which)| {
        let encode = |(n, c): (usize, char)| {
            let plain = c.is_ascii_alphanumeric() || "_.[]".contains(c);
            let mut bytes = [0; 4];
            let escape = |byte: &u8| format!("%{byte:02X}");
            if plain && which >> (n % 32) & 7 != 0 {
                return c.to_string();
            }
            c.encode_utf8(&mut bytes).as_bytes().iter().map(escape).collect()
        };
        name.chars().enumerate().map(encode).collect::<String>()
    });
    let value = proptest::sample::select(vec!["=OWN", "=OWN", "=victim", "=", "", "=a=OWN", "=victimOWN"]);
    let separator = proptest::sample::select(vec!["&", "&", "&", ";", "#", "?", "&&", "=", "&amp;"]);
    proptest::collection::vec((encoded, value, separator), 1..5).prop_map(|pairs| {
        pairs.into_iter().map(|(name, value, separator)| format!("{name}{value}{separator}")).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn an_id_comes_back_to_its_own_caller_only(id in "\\PC{0,40}", owner in caller(), other in caller()) {
        let (sessions, same) = (sessions(), is_same(&owner, &other));
        let [owner, other] = [&owner, &other].map(|caller| Owner { resource: RESOURCE, caller });
        let seen = sessions.tagged(owner, &id);
        prop_assert_eq!(sessions.own(owner, &seen), Ok(id.as_str()));
        let expected = if same { Ok(id.as_str()) } else { Err(SessionFault::Mismatch) };
        prop_assert_eq!(sessions.own(other, &seen), expected);
    }

    #[test]
    fn no_text_is_an_id_of_a_caller_but_those_that_were_tagged(seen in "[a-c.]{0,3}\\.?[A-Za-z0-9_-]{20,23}") {
        let nobody = nobody();
        let owner = Owner { resource: RESOURCE, caller: &nobody };
        prop_assert_ne!(sessions().own(owner, &seen).is_ok(), true);
    }

    #[test]
    fn no_server_finds_another_session_in_the_query_than_the_callers_own(query in query()) {
        let (sessions, nobody) = (sessions(), nobody());
        let owner = Owner { resource: RESOURCE, caller: &nobody };
        let target = format!("/mcp?{}", query.replace("OWN", &sessions.tagged(owner, "own")));
        let read = |target: &str| SessionReader::ALL.map(|reader| reader.read(target));
        match sessions.own_target(owner, &target) {
            Err(_) => {}
            Ok(None) => prop_assert!(read(&target).concat().is_empty(), "{target}"),
            Ok(Some(forwarded)) => {
                let found = read(&forwarded);
                prop_assert!(found.iter().all(|found| found.as_slice() == ["own"]), "{target}: {found:?}");
            }
        }
    }

    #[test]
    fn an_endpoint_comes_back_as_the_server_wrote_it(path in "[/a-z:.]{0,8}", before in "([a-z]=[^&;#?\\s]{0,3}&){0,2}", id in "[!-~&&[^&;#]]{1,30}", after in "(&[a-z]){0,2}") {
        let (sessions, nobody) = (sessions(), nobody());
        let owner = Owner { resource: RESOURCE, caller: &nobody };
        for name in ["sessionId", "session_id"] {
            let url = format!("{path}?{before}{name}={id}{after}");
            let seen = sessions.tagged_endpoint(owner, &url).expect("a session");
            prop_assert_eq!(&seen, &format!("{path}?{before}{name}={}{after}", sessions.tagged(owner, &id)));
            prop_assert_eq!(sessions.own_target(owner, &seen), Ok(Some(url)));
        }
    }
}
