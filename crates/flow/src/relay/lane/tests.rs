use super::*;
use crate::Readiness;

const ROOM: usize = 64 * 1024;

fn ready() -> SocketState {
    let mut socket = SocketState::new();
    socket.on_ready(Readiness { readable: true, writable: true, mark: false });
    socket
}

fn open_lane() -> (Lane, SocketState, SocketState) {
    (Lane::new(PathChoice::Auto), ready(), ready())
}

#[test]
fn three_full_reads_lead_to_splice_and_two_small_fills_back() {
    let (mut lane, source, sink) = open_lane();
    for _ in 0..FULL_READS_TO_SPLICE {
        assert_eq!(lane.next(source, sink), Some(Step::Copy));
        lane.copied(ROOM, ROOM);
        lane.delivered(ROOM);
    }
    for _ in 0..SMALL_FILLS_TO_COPY {
        assert_eq!(lane.next(source, sink), Some(Step::Fill));
        lane.filled(1000);
        lane.delivered(1000);
    }
    assert_eq!(lane.next(source, sink), Some(Step::Copy));
    assert_eq!(lane.paths_used(), PathsUsed { copy: true, splice: true });
    assert_eq!(lane.fallback(), Fallback::SmallMessages);
}

#[test]
fn a_read_that_is_not_full_starts_the_count_again() {
    let (mut lane, source, sink) = open_lane();
    for count in [ROOM, ROOM, ROOM - 1, ROOM, ROOM] {
        lane.copied(count, ROOM);
        lane.delivered(count);
    }
    assert_eq!(lane.next(source, sink), Some(Step::Copy));
}

#[test]
fn a_large_fill_starts_the_count_of_small_ones_again() {
    let (mut lane, source, sink) = open_lane();
    lane.change_path(Path::Splice);
    for count in [SMALL_FILL - 1, SMALL_FILL, SMALL_FILL - 1] {
        lane.filled(count);
        lane.delivered(count);
    }
    assert_eq!(lane.next(source, sink), Some(Step::Fill));
    assert_eq!(lane.fallback(), Fallback::None);
}

/// Moves `count` bytes on the lane's current path.
fn move_bytes(lane: &mut Lane, count: usize) {
    match lane.path() {
        Path::Copy => lane.copied(count.min(ROOM), ROOM),
        Path::Splice => lane.filled(count),
    }
    lane.delivered(count.min(usize::try_from(lane.held()).unwrap()));
}

/// A lane on each path, one with sockets that cannot be spliced, and one that never gets a pipe.
fn lanes_on_each_path() -> [(&'static str, Lane); 5] {
    let mut unsupported = Lane::new(PathChoice::Splice);
    unsupported.fall_back(Fallback::Unsupported);
    let mut without_pipe = Lane::new(PathChoice::Auto);
    without_pipe.fall_back(Fallback::NoPipe);
    [
        ("auto", Lane::new(PathChoice::Auto)),
        ("copy", Lane::new(PathChoice::Copy)),
        ("splice", Lane::new(PathChoice::Splice)),
        ("unsupported", unsupported),
        ("without a pipe", without_pipe),
    ]
}

#[test]
fn large_pieces_are_bulk_on_each_path() {
    for (path, mut lane) in lanes_on_each_path() {
        assert!(!lane.is_bulk(), "{path}: a new lane");
        for round in 0..100 {
            move_bytes(&mut lane, if round % 4 == 3 { 1000 } else { 200_000 });
            if path == "without a pipe" {
                lane.fall_back(Fallback::NoPipe);
            }
            assert!(lane.is_bulk(), "{path}: also after a short piece, {lane:?}");
        }
        for _ in 0..5 {
            move_bytes(&mut lane, 64);
        }
        assert!(!lane.is_bulk(), "{path}: small again, {lane:?}");
    }
}

#[test]
fn small_messages_are_not_bulk_on_any_path() {
    for (path, mut lane) in lanes_on_each_path() {
        for _ in 0..1000 {
            move_bytes(&mut lane, 4 * 1024);
            assert!(!lane.is_bulk(), "{path}");
        }
    }
}

#[test]
fn splice_that_is_unsupported_is_never_tried_again() {
    let mut lane = Lane::new(PathChoice::Splice);
    let (source, sink) = (ready(), ready());
    assert_eq!(lane.next(source, sink), Some(Step::Fill));
    lane.fall_back(Fallback::Unsupported);
    for _ in 0..10 {
        lane.copied(ROOM, ROOM);
        lane.delivered(ROOM);
        assert_eq!(lane.next(source, sink), Some(Step::Copy));
    }
}

#[test]
fn a_missing_pipe_is_asked_for_again() {
    let mut lane = Lane::new(PathChoice::Splice);
    let (source, sink) = (ready(), ready());
    lane.fall_back(Fallback::NoPipe);
    assert_eq!(lane.next(source, sink), Some(Step::Copy));
    lane.copied(1, ROOM);
    lane.delivered(1);
    assert_eq!(lane.next(source, sink), Some(Step::Fill));
}

#[test]
fn small_fills_before_a_question_by_copy_are_no_full_reads_behind_it() {
    let (mut lane, source, sink) = open_lane();
    lane.change_path(Path::Splice);
    move_bytes(&mut lane, 1000);
    lane.ask_by_copy();
    for _ in 0..FULL_READS_TO_SPLICE {
        assert_eq!(lane.next(source, sink), Some(Step::Copy));
        move_bytes(&mut lane, ROOM);
    }
    assert_eq!(lane.next(source, sink), Some(Step::Fill));
}

#[test]
fn the_most_serious_reason_to_copy_is_remembered() {
    let mut lane = Lane::new(PathChoice::Auto);
    assert_eq!(lane.fallback(), Fallback::None);
    for (reason, remembered) in [
        (Fallback::NoPipe, Fallback::NoPipe),
        (Fallback::SmallMessages, Fallback::NoPipe),
        (Fallback::Unsupported, Fallback::Unsupported),
        (Fallback::NoPipe, Fallback::Unsupported),
    ] {
        lane.fall_back(reason);
        assert_eq!(lane.fallback(), remembered);
    }
}

#[test]
fn the_fin_waits_for_the_last_held_byte() {
    let (mut lane, source, mut sink) = open_lane();
    lane.copied(10, ROOM);
    lane.delivered(4);
    lane.source_ended(true);
    sink.write_would_block();
    assert_eq!(lane.next(source, sink), None);
    sink.on_ready(Readiness { writable: true, ..Default::default() });
    assert_eq!(lane.next(source, sink), Some(Step::Send));
    lane.delivered(6);
    assert_eq!(lane.next(source, sink), Some(Step::PassFin));
    lane.fin_passed();
    assert!(lane.is_over());
    assert_eq!(lane.next(source, sink), None);
}

#[test]
fn bytes_received_before_the_source_broke_are_still_sent() {
    let (mut lane, source, sink) = open_lane();
    lane.copied(10, ROOM);
    lane.source_ended(false);
    assert!(!lane.is_over());
    assert_eq!(lane.next(source, sink), Some(Step::Send));
    lane.delivered(10);
    assert!(lane.is_over());
    assert_eq!(lane.next(source, sink), None, "no FIN after a break");
}

#[test]
fn a_lane_that_prefers_copying_splices_only_if_told_to() {
    for (choice, expected) in [
        (PathChoice::Auto, Path::Copy),
        (PathChoice::Copy, Path::Copy),
        (PathChoice::Splice, Path::Splice),
    ] {
        let mut lane = Lane::new(choice);
        lane.prefer_copying();
        for _ in 0..9 {
            move_bytes(&mut lane, 4096);
        }
        assert_eq!((lane.path(), lane.fallback()), (expected, Fallback::None));
    }
}
