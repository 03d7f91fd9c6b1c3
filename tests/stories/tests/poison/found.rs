//! What the properties have found, as small as it was.

use proptest::prelude::*;

use crate::failure::Failure;
use crate::poison::{Move, Poison, play};
use crate::scene::{Meanwhile, Scene};
use crate::shape::Shape;
use crate::{EVERY_MEMBER, Tested};

/// Expects that this poison changes nothing, played in these steps.
fn changes_nothing(shape: Shape, poison: Vec<Poison>, moves: &[Move]) -> Tested {
    let mut scene = Scene::new(shape)?;
    play(&mut scene, poison, moves, false)?;
    let first = scene.shape.first_tier();
    let mut served = Vec::new();
    for _ in 0..4 * first.len() {
        served.extend(scene.ask(0, 0, Meanwhile::UNDISTURBED)?);
    }
    served.sort_unstable();
    served.dedup();
    prop_assert_eq!(served, first);
    Ok(())
}

fn from_every_member(failure: Failure, tries: u8) -> Poison {
    Poison::new(failure, EVERY_MEMBER, tries)
}

/// Envoy tries it again by itself, and so the first member is not the last one.
#[test]
fn a_stream_that_every_member_loses_before_its_content() -> Tested {
    changes_nothing(Shape::of(&[1, 2]), vec![from_every_member(Failure::LostStream, 1)], &[])
}

/// Ten retries are free.
#[test]
fn a_request_that_the_retry_budget_keeps_from_the_second_member() -> Tested {
    let poison = vec![from_every_member(Failure::Status(500), 3); 4];
    changes_nothing(Shape::of(&[1, 2]).with_budget(0), poison, &[])
}

/// The first request shuts a member, and opens it again while the second is under way, which may not ask
/// it any more.
#[test]
fn a_request_under_way_while_a_member_comes_back() -> Tested {
    let [one, other] = [Failure::Status(500), Failure::Status(401)];
    let poison = vec![from_every_member(one, 1), from_every_member(other, 1)];
    let steps = |which, steps| Move::Poison { which, steps, worker: 0 };
    let moves = [steps(0, 3), steps(1, 1), steps(0, 20), steps(1, 20)];
    changes_nothing(Shape::of(&[1, 1, 1]), poison, &moves)
}

/// Who was asked said the same; the others were never to be asked.
#[test]
fn a_request_that_may_not_be_sent_to_every_member() -> Tested {
    let poison = vec![from_every_member(Failure::Status(500), 1); 4];
    let moves = [0, 1, 2, 3].map(|which| Move::Poison { which, steps: 20, worker: 0 });
    changes_nothing(Shape::of(&[1, 2, 2]).with_attempts(2), poison, &moves)
}

/// Refusals open a circuit by their number, also where failures do by their share.
#[test]
fn refusals_where_a_share_of_failures_opens_the_circuit() -> Tested {
    let poison = vec![from_every_member(Failure::Status(401), 1); 3];
    let moves = [0, 1, 2].map(|which| Move::Poison { which, steps: 20, worker: 0 });
    changes_nothing(Shape::of(&[1, 2]).with_a_share(), poison, &moves)
}

/// An SDK tries three times, and one of two backends does not like what it sends.
#[test]
fn a_request_that_is_tried_again_where_a_share_of_failures_opens_the_circuit() -> Tested {
    let poison = vec![Poison::new(Failure::Status(500), 1, 3)];
    let shape = Shape::of(&[1, 2]).with_breaker("failure_ratio: 50%, minimum_requests: 3");
    changes_nothing(shape, poison, &[Move::Poison { which: 0, steps: 60, worker: 0 }])
}
