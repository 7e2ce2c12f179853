//! What the guard decides, from the outside.

use std::net::IpAddr;

use fonoteca_guard::{BackOff, Decision, Guard, Observation, Policy, Rate, Subject};
use fonoteca_model::Timestamp;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn fail(guard: &mut Guard, now: Timestamp, from: &str, user: &str) {
    guard.observe(now, &Observation::LoginFailed { address: address(from), user: user.into() });
}

fn login(guard: &mut Guard, now: Timestamp, from: &str, user: &str) -> Decision {
    guard.decide(now, &Subject::Login { address: address(from), user: user.into() })
}

fn small() -> Policy {
    Policy {
        max_subjects: 3,
        login_address: BackOff {
            free_failures: 3,
            first_wait_seconds: 2,
            longest_wait_seconds: 10,
            forget_seconds: 100,
        },
        login_user: BackOff { free_failures: 1, first_wait_seconds: 1, longest_wait_seconds: 4, forget_seconds: 50 },
        requests: Rate { burst: 2, per_hour: 3600 },
        uploads: Rate { burst: 2, per_hour: 60 },
        upload_bytes: Rate { burst: 1000, per_hour: 3600 },
        announces: Rate { burst: 1, per_hour: 60 },
    }
}

#[test]
fn an_unknown_subject_may_do_everything_and_is_not_remembered() {
    let mut guard = Guard::new(small());
    let address = address("192.0.2.1");
    for subject in [
        Subject::Login { address, user: "ana".into() },
        Subject::Request { address },
        Subject::Upload { address },
        Subject::Announce { address },
    ] {
        assert_eq!(guard.decide(START, &subject), Decision::Allow);
    }
    assert_eq!(guard.tracked(), 0);
}

#[test]
fn an_address_waits_twice_as_long_after_each_failure_up_to_the_longest() {
    let mut guard = Guard::new(small());
    // A different user each time: only the address is at fault.
    let waits: Vec<i64> = (0..8)
        .map(|attempt| {
            fail(&mut guard, START, "192.0.2.1", &format!("user{attempt}"));
            match login(&mut guard, START, "192.0.2.1", "ana") {
                Decision::Deny { until, reason } => {
                    assert_eq!(reason, format!("{} failed log-ins from 192.0.2.1", attempt + 1));
                    until.as_seconds() - START.as_seconds()
                }
                decision => {
                    assert_eq!(decision, Decision::Allow);
                    0
                }
            }
        })
        .collect();
    assert_eq!(waits, [0, 0, 0, 2, 4, 8, 10, 10]);
    assert_eq!(login(&mut guard, START, "192.0.2.2", "ana"), Decision::Allow, "another address");
    let until = START.plus_seconds(10);
    assert!(matches!(login(&mut guard, Timestamp(until.0 - 1), "192.0.2.1", "ana"), Decision::Deny { .. }));
    assert_eq!(login(&mut guard, until, "192.0.2.1", "ana"), Decision::Allow, "the moment the wait is over");
}

#[test]
fn a_user_name_is_delayed_wherever_the_guesses_come_from_until_the_log_in() {
    let mut guard = Guard::new(small());
    fail(&mut guard, START, "192.0.2.1", "ana");
    assert_eq!(login(&mut guard, START, "192.0.2.3", "ana"), Decision::Allow);
    fail(&mut guard, START, "192.0.2.2", "ana");
    assert_eq!(login(&mut guard, START, "192.0.2.3", "ana"), Decision::Delay { until: START.plus_seconds(1) });
    assert_eq!(login(&mut guard, START, "192.0.2.3", "bob"), Decision::Allow);
    guard.observe(START, &Observation::LoginSucceeded { user: "ana".into() });
    assert_eq!(login(&mut guard, START, "192.0.2.3", "ana"), Decision::Allow);
}

#[test]
fn an_own_account_does_not_buy_guesses_at_others() {
    let mut guard = Guard::new(small());
    for victim in ["a", "b", "c", "d"] {
        fail(&mut guard, START, "192.0.2.1", victim);
        guard.observe(START, &Observation::LoginSucceeded { user: "mallory".into() });
    }
    assert!(matches!(login(&mut guard, START, "192.0.2.1", "e"), Decision::Deny { .. }));
}

#[test]
fn failures_are_forgotten_in_time() {
    let mut guard = Guard::new(small());
    for _ in 0..6 {
        fail(&mut guard, START, "192.0.2.1", "ana");
    }
    let later = START.plus_seconds(100);
    fail(&mut guard, later, "192.0.2.1", "ana");
    assert_eq!(login(&mut guard, later, "192.0.2.1", "ana"), Decision::Allow, "counted from one again");
}

#[test]
fn one_customer_is_one_address() {
    let mut guard = Guard::new(small());
    for last in 1..=4 {
        fail(&mut guard, START, &format!("2001:db8:1:2::{last}"), &format!("user{last}"));
    }
    let decision = login(&mut guard, START, "2001:db8:1:2:ffff::", "ana");
    assert!(matches!(decision, Decision::Deny { reason, .. } if reason.ends_with("from 2001:db8:1:2::/64")));
    assert_eq!(login(&mut guard, START, "2001:db8:1:3::1", "ana"), Decision::Allow);

    for _ in 0..4 {
        fail(&mut guard, START, "::ffff:192.0.2.7", "x");
    }
    assert!(matches!(login(&mut guard, START, "192.0.2.7", "ana"), Decision::Deny { .. }), "IPv4 in IPv6 clothes");
}

#[test]
fn requests_come_in_a_burst_and_then_at_the_rate() {
    let mut guard = Guard::new(small());
    let address = address("192.0.2.1");
    let (request, subject) = (Observation::Request { address }, Subject::Request { address });
    guard.observe(START, &request);
    assert_eq!(guard.decide(START, &subject), Decision::Allow);
    guard.observe(START, &request);
    assert_eq!(guard.decide(START, &subject), Decision::Delay { until: START.plus_seconds(1) });
    assert_eq!(guard.decide(START.plus_seconds(1), &subject), Decision::Allow);
    guard.observe(START.plus_seconds(1), &request);
    assert_eq!(guard.decide(START.plus_seconds(1), &subject), Decision::Delay { until: START.plus_seconds(2) });
    // However long it rests, no more than the burst is saved up.
    let later = START.plus_seconds(1_000_000);
    guard.observe(later, &request);
    guard.observe(later, &request);
    assert_eq!(guard.decide(later, &subject), Decision::Delay { until: later.plus_seconds(1) });
}

#[test]
fn floods_are_denied_by_count_and_by_bytes() {
    let mut guard = Guard::new(small());
    let (one, two) = (address("192.0.2.1"), address("192.0.2.2"));
    guard.observe(START, &Observation::Upload { address: one, bytes: 1 });
    guard.observe(START, &Observation::Upload { address: one, bytes: 1 });
    let until = START.plus_seconds(60);
    let reason = "too many files uploaded from 192.0.2.1".to_owned();
    assert_eq!(guard.decide(START, &Subject::Upload { address: one }), Decision::Deny { until, reason });

    guard.observe(START, &Observation::Upload { address: two, bytes: 1099 });
    let until = START.plus_seconds(100);
    let reason = "too many bytes uploaded from 192.0.2.2".to_owned();
    assert_eq!(guard.decide(START, &Subject::Upload { address: two }), Decision::Deny { until, reason });
    assert_eq!(guard.decide(until, &Subject::Upload { address: two }), Decision::Allow);

    // The most that can be owed is ten bursts, whatever was sent.
    guard.observe(until, &Observation::Upload { address: two, bytes: u64::MAX });
    let Decision::Deny { until: paid, .. } = guard.decide(until, &Subject::Upload { address: two }) else {
        panic!("not denied");
    };
    assert_eq!(paid.as_seconds() - until.as_seconds(), 10_001);

    guard.observe(START, &Observation::Announce { address: one });
    let Decision::Deny { until, reason } = guard.decide(START, &Subject::Announce { address: one }) else {
        panic!("not denied");
    };
    assert_eq!((until, reason.as_str()), (START.plus_seconds(60), "too many announces from 192.0.2.1"));
}

#[test]
fn the_oldest_subjects_are_forgotten_first() {
    let mut guard = Guard::new(small());
    for last in 1..=3 {
        for _ in 0..4 {
            fail(&mut guard, START, &format!("192.0.2.{last}"), &format!("user{last}"));
        }
    }
    fail(&mut guard, START, "192.0.2.1", "user1");
    fail(&mut guard, START, "192.0.2.4", "user4");
    assert_eq!(guard.tracked(), 6, "three addresses and three names");
    assert_eq!(login(&mut guard, START, "192.0.2.2", "x"), Decision::Allow, "the one longest not heard of");
    assert!(matches!(login(&mut guard, START, "192.0.2.1", "x"), Decision::Deny { .. }));
    assert!(matches!(login(&mut guard, START, "192.0.2.3", "x"), Decision::Deny { .. }));
}

#[test]
fn a_clock_that_jumps_back_makes_nobody_wait_longer() {
    let mut guard = Guard::new(small());
    let address = address("192.0.2.1");
    for _ in 0..9 {
        fail(&mut guard, START, "192.0.2.1", "ana");
        guard.observe(START, &Observation::Request { address });
    }
    let before = START.plus_seconds(-86_400);
    let Decision::Deny { until, .. } = login(&mut guard, before, "192.0.2.1", "ana") else { panic!("not denied") };
    assert_eq!(until, before.plus_seconds(10), "the wait, not the day besides");
    assert_eq!(login(&mut guard, until, "192.0.2.1", "ana"), Decision::Allow);
    let Decision::Delay { until } = guard.decide(before, &Subject::Request { address }) else {
        panic!("not delayed");
    };
    assert_eq!(until, before.plus_seconds(8), "seven owed and one to take");
    // And forth again: nothing overflows, everything is forgiven.
    for now in [Timestamp(i64::MIN), Timestamp(i64::MAX), START] {
        fail(&mut guard, now, "192.0.2.1", "ana");
        login(&mut guard, now, "192.0.2.1", "ana");
        guard.observe(now, &Observation::Request { address });
        guard.decide(now, &Subject::Request { address });
    }
}

#[test]
fn zeros_in_a_policy_do_not_lock_everybody_out() {
    let nothing = Rate { burst: 0, per_hour: 0 };
    let none = BackOff { free_failures: 0, first_wait_seconds: 0, longest_wait_seconds: 0, forget_seconds: 0 };
    let mut guard = Guard::new(Policy {
        max_subjects: 0,
        login_address: none,
        login_user: none,
        requests: nothing,
        uploads: nothing,
        upload_bytes: nothing,
        announces: nothing,
    });
    fail(&mut guard, START, "192.0.2.1", "ana");
    assert_eq!(login(&mut guard, START, "192.0.2.1", "ana"), Decision::Allow);
    let address = address("192.0.2.1");
    guard.observe(START, &Observation::Request { address });
    let until = START.plus_seconds(3600);
    assert_eq!(guard.decide(START, &Subject::Request { address }), Decision::Delay { until });
}

proptest! {
    /// Whoever waits as long as told gets in; memory stays bounded; no wait is longer than the policy's.
    #[test]
    fn a_wait_is_honest(steps in prop::collection::vec((0u8..6, -500i64..500, 0u8..6), 1..200)) {
        let policy = small();
        let mut guard = Guard::new(policy);
        let mut now = START;
        for (host, seconds, what) in steps {
            now = now.plus_seconds(seconds);
            let address = IpAddr::from([192, 0, 2, host]);
            let user = format!("user{host}");
            let (observation, subject) = match what {
                0 | 1 => (
                    Observation::LoginFailed { address, user: user.clone() },
                    Subject::Login { address, user },
                ),
                2 => (Observation::LoginSucceeded { user: user.clone() }, Subject::Login { address, user }),
                3 => (Observation::Request { address }, Subject::Request { address }),
                4 => (Observation::Upload { address, bytes: 700 }, Subject::Upload { address }),
                _ => (Observation::Announce { address }, Subject::Announce { address }),
            };
            guard.observe(now, &observation);
            prop_assert!(guard.tracked() <= 6 * policy.max_subjects);
            match guard.decide(now, &subject) {
                Decision::Allow => {}
                Decision::Delay { until } | Decision::Deny { until, .. } => {
                    prop_assert!(until > now);
                    prop_assert!(until <= now.plus_seconds(10 * 1000 + 1), "ten bursts of bytes, the largest debt");
                    if let Subject::Login { .. } = subject {
                        prop_assert!(until <= now.plus_seconds(10));
                    }
                    prop_assert_eq!(guard.decide(until, &subject), Decision::Allow);
                    now = until;
                }
            }
        }
    }
}
