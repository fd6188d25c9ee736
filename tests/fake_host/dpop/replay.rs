//! Proofs that were used: who remembers them, for how long, and at whose expense.

use super::*;

#[test]
fn a_proof_is_used_once_by_any_worker_for_as_long_as_it_would_be_taken() {
    let token = bound();
    let mut first = worker("optional");
    let mut second = Worker::beside(&first, &configuration("optional", &json!({})));
    // A new configuration of the same plugin.
    let mut third = Worker::beside(&first, &configuration("required", &json!({})));
    for (made, over) in [(NOW, NOW + 61), (NOW + 30, NOW + 91), (NOW - 60, NOW + 1)] {
        let proof = proof(&token).claim("iat", made);
        first.set_clock(NOW);
        second.set_clock(NOW);
        assert_eq!(prove(&mut first, &token, &proof), (200, "allowed"));
        for worker in [&mut first, &mut second, &mut third] {
            assert_eq!(prove(worker, &token, &proof), (401, "dpop_replayed"));
        }
        second.set_clock(over - 1);
        assert_eq!(prove(&mut second, &token, &proof), (401, "dpop_replayed"));
        second.set_clock(over);
        assert_eq!(prove(&mut second, &token, &proof), (401, "dpop_time"), "{made}");
    }
    let same_id = proof(&token).claim("jti", "1");
    assert_eq!(prove(&mut first, &token, &same_id), (200, "allowed"));
    assert_eq!(prove(&mut first, &token, &same_id.claim("x", 1)), (401, "dpop_replayed"), "signed anew");
}

#[test]
fn the_time_in_which_a_proof_is_taken_is_its_issuers_and_half_as_long_ahead() {
    let token = bound();
    for (window, seconds) in [("10s", 10), ("60s", 60), ("300s", 300)] {
        let mut configuration = configuration("optional", &json!({}));
        configuration["issuers"][0]["dpop_window"] = window.into();
        let mut worker = Worker::new(&configuration, true, NOW);
        for (age, expected) in [
            (seconds, (200, "allowed")),
            (seconds + 1, (401, "dpop_time")),
            (-seconds / 2, (200, "allowed")),
            (-seconds / 2 - 1, (401, "dpop_time")),
        ] {
            let proof = proof(&token).claim("iat", NOW - age);
            assert_eq!(prove(&mut worker, &token, &proof), expected, "{window}, {age} s old");
            if expected.0 == 200 {
                assert_eq!(prove(&mut worker, &token, &proof), (401, "dpop_replayed"), "{window}, {age} s old");
            }
        }
        let proof = proof(&token).claim("iat", NOW + seconds / 2);
        assert_eq!(prove(&mut worker, &token, &proof), (200, "allowed"), "{window}");
        // The token must not end before.
        let end = (NOW + seconds / 2 + seconds).min(NOW + 299);
        worker.set_clock(end);
        assert_eq!(prove(&mut worker, &token, &proof), (401, "dpop_replayed"), "{window}: as long as it is taken");
    }
}

#[test]
fn where_nothing_is_shared_or_the_memory_is_lost_no_proof_is_taken() {
    let token = bound();
    let mut worker = worker("optional");
    assert_eq!(prove(&mut worker, &token, &proof(&token)), (200, "allowed"));
    worker.shared.fault.set(Fault::Absent);
    let (status, reason, headers) = send(&mut worker, get(&format!("DPoP {token}"), &[proof(&token).sign()]));
    assert_eq!((status, reason), (503, "proofs_unavailable"));
    assert_eq!(all(&headers, "retry-after"), ["5"]);
    assert_eq!(all(&headers, "www-authenticate"), Vec::<String>::new());
    let bearer = send(&mut worker, get(&format!("Bearer {}", unbound()), &[]));
    assert_eq!(bearer.0, 200, "who needs no proof goes on");
}

/// The caller that an unbound token makes.
fn caller(worker: &mut Worker, token: &Token) -> AccessToken {
    let stream = Stream::open(worker, get(&format!("Bearer {}", token.sign(&Key::rsa_a())), &[]), End::Last);
    stream.records()[0].caller.clone().expect("a good token")
}

#[test]
fn an_account_is_the_subject_of_an_issuer_whatever_its_tokens_and_keys() {
    let other = "https://other.example.com";
    let mut configuration = configuration("optional", &json!({}));
    let keys = key_set([&Key::rsa_a()])["keys"].clone();
    configuration["issuers"].as_array_mut().unwrap().push(json!({"issuer": other, "jwks": {"keys": keys}}));
    let mut worker = Worker::new(&configuration, true, NOW);
    let alice = || Token::at(NOW);
    let nobody = || alice().without_claim("sub");
    let unknown = || nobody().without_claim("client_id");
    for (name, [first, second], is_same) in [
        ("another token", [alice(), alice()], true),
        ("another client", [alice(), alice().client("x")], true),
        ("another subject", [alice(), alice().subject("bob")], false),
        ("another issuer", [alice(), alice().issuer(other)], false),
        ("one client without a subject", [nobody(), nobody()], true),
        ("two clients without a subject", [nobody(), nobody().client("x")], false),
        ("a client named like a subject", [alice(), nobody().client("alice")], false),
        ("an issuer that names neither", [unknown(), unknown()], true),
    ] {
        let [first, second] = [first, second].map(|token| Account::of(&caller(&mut worker, &token)));
        assert_eq!(first == second, is_same, "{name}");
    }
}

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_millis(u64::try_from(seconds * 1000).unwrap())
}

/// Uses a proof of this mark up, as any worker would.
fn spend(shared: &Data, mark: [u8; 9], account: &Account, now: i64) -> Result<(), toolgate::dpop::ReplayFault> {
    let proof = toolgate::dpop::Proof::marked(mark, at(now + 60));
    toolgate::dpop::Proofs::new(SharedNames::new(b"", b""), None).spend(shared, &proof, account, at(now))
}

#[test]
fn who_has_used_up_a_share_is_in_nobody_elses_way() {
    let mut worker = worker("optional");
    let of = |subject: &str, key: &Key| {
        Token::at(NOW).subject(subject).claim("cnf", json!({"jkt": thumbprint(key)})).sign(&Key::rsa_a())
    };
    let greedy = Account::of(&caller(&mut worker, &Token::at(NOW)));
    for bucket in 0..=255 {
        for n in 0..u64::try_from(MOST_PER_ACCOUNT).unwrap() {
            let [a, b, c, d, e, f, g, h] = n.to_le_bytes();
            assert_eq!(spend(&worker.shared, [bucket, a, b, c, d, e, f, g, h], &greedy, NOW), Ok(()), "{bucket} {n}");
        }
    }
    let key = Key::p384();
    let send = |worker: &mut Worker, subject: &str, key: &Key| {
        let token = of(subject, key);
        let proof = Proof::new(key.clone(), URL, &token, NOW).claim("htm", "GET");
        send(worker, get(&format!("DPoP {token}"), &[proof.sign()]))
    };
    for (subject, key, expected) in [
        ("alice", &Key::p256(), (503, "proofs_share")),
        ("alice", &key, (503, "proofs_share")),
        ("bob", &Key::p256(), (200, "allowed")),
        ("carol", &key, (200, "allowed")),
    ] {
        let (status, reason, headers) = send(&mut worker, subject, key);
        assert_eq!((status, reason), expected, "{subject}");
        assert_eq!(all(&headers, "retry-after").len(), usize::from(status == 503), "{subject}");
        assert_eq!(all(&headers, "www-authenticate"), Vec::<String>::new(), "{subject}: another proof would not help");
    }
}

/// How many values there are, and how many bytes with their names.
fn size(shared: &Data) -> (usize, usize) {
    let names = shared.values.borrow().keys().map(String::len).sum::<usize>();
    (shared.values.borrow().len(), names + shared.size())
}

#[test]
fn what_is_remembered_of_100_000_proofs_is_bounded() {
    let shared = Data::new(Fault::None);
    let mut worker = worker("optional");
    let callers = (0..10).map(|n| caller(&mut worker, &Token::at(NOW).subject(&n.to_string())));
    let accounts: Vec<_> = callers.map(|caller| Account::of(&caller)).collect();
    let spend = |n: u64, now: i64| {
        let mark = crate::support::keys::sha256(&n.to_le_bytes());
        spend(&shared, *mark.first_chunk().unwrap(), &accounts[usize::try_from(n % 10).unwrap()], now)
    };
    for n in 0..100_000 {
        assert_eq!(spend(n, NOW), Ok(()), "{n}");
    }
    let (values, bytes) = size(&shared);
    println!("100,000 proofs at once: {values} values, {bytes} bytes");
    assert!(values <= BUCKETS && bytes < 1_500_000);
    let again = (0..100_000).step_by(9).filter(|n| spend(*n, NOW + 59).is_ok()).count();
    assert_eq!(again, 0, "none is forgotten while it would be taken");
    // So many more that all must be full, of a few buckets to be quick.
    let few = |n: &u64| crate::support::keys::sha256(&n.to_le_bytes())[0] < 8;
    let full = (100_000..400_000).filter(few).filter(|n| spend(*n, NOW).is_err()).count();
    let (values, bytes) = size(&shared);
    println!("where they are full: {full} refused, {values} values, {bytes} bytes");
    assert!(full > 1_000 && values == BUCKETS && bytes < 1_600_000);
    for n in (0..100_000).step_by(9) {
        assert_eq!(spend(n, NOW + 61), Ok(()), "what is over makes room");
    }
}
