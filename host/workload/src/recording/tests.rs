//! What is written is read, and a file that was cut or damaged is read to its last whole block.

use std::path::Path;

use proptest::prelude::*;

use super::*;

fn read(file: &[u8]) -> Result<(Vec<Piece>, Option<Cut>), RecordingError> {
    let mut reader = Reader::new(Path::new("a.rec"), file)?;
    let mut pieces = Vec::new();
    while let Some(piece) = reader.piece()? {
        pieces.push(piece);
    }
    assert_eq!(reader.piece()?, None, "nothing follows");
    Ok((pieces, reader.cut().cloned()))
}

fn header() -> Header {
    Header {
        host: "1.2.3".to_owned(),
        profile: "medium".to_owned(),
        settings: vec!["cache.policy=\"lru\"".to_owned()],
        workload: "a test".to_owned(),
        about: RunInfo { seed: 7, ..RunInfo::default() },
        capacity: 1_000,
        classes: vec!["request".to_owned()],
        strategies: vec![Component { name: "a".to_owned(), ..Component::default() }],
        ..Header::default()
    }
}

fn some(count: u64) -> Vec<Request> {
    let request = |n: u64| Request {
        at_us: n * 17,
        class: u8::from(n.is_multiple_of(5)),
        outcome: [Outcome::Hit, Outcome::Waited, Outcome::Loaded, Outcome::Failed, Outcome::Work]
            [usize::try_from(n % 5).unwrap()],
        key: n.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        size: u32::try_from(n % 900).unwrap(),
        lifetime_s: 60,
        wait_us: 3,
        service_us: u32::MAX,
    };
    (0..count).map(request).collect()
}

/// A small file with blocks of every kind.
fn small() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    writer.requests(&some(20)).unwrap();
    writer.records("{\"type\":\"run\"}\n{\"type\":\"tick\"}\n").unwrap();
    writer.requests(&some(3)).unwrap();
    writer.finish(Totals { dropped: 5, lost: 1, ..Totals::default() }).unwrap()
}

#[test]
fn a_whole_file_says_what_is_in_it_and_what_is_not() {
    let (pieces, cut) = read(&small()).unwrap();
    let totals = Totals { requests: 23, records: 2, dropped: 5, lost: 1 };
    assert_eq!((pieces.len(), pieces.last(), cut), (4, Some(&Piece::End(totals)), None));
}

#[test]
fn a_reader_that_counts_requests_gives_the_rest_and_notices_damage() {
    let counted = |file: &[u8]| {
        let mut reader = Reader::new(Path::new("a.rec"), file)?.counting();
        let pieces: Vec<Piece> = std::iter::from_fn(|| reader.piece().unwrap()).collect();
        Ok::<_, RecordingError>((pieces, reader.cut().cloned()))
    };
    let file = small();
    let ((all, _), (pieces, cut)) = (read(&file).unwrap(), counted(&file).unwrap());
    assert_eq!((&pieces[0], &pieces[2], cut), (&Piece::Counted(20), &Piece::Counted(3), None));
    assert_eq!((&pieces[1], &pieces[3]), (&all[1], &all[3]));
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        match (read(&damaged), counted(&damaged)) {
            (Ok((all, a)), Ok((pieces, b))) => assert_eq!((all.len(), a), (pieces.len(), b), "byte {at}"),
            (read, counted) => assert!(read.is_err() && counted.is_err(), "byte {at}"),
        }
    }
}

#[test]
fn more_requests_than_a_block_holds_take_several() {
    let all = some(40_000);
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    writer.requests(&all).unwrap();
    let (pieces, cut) = read(&writer.finish(Totals::default()).unwrap()).unwrap();
    let found = pieces.iter().flat_map(|piece| match piece {
        Piece::Requests(some) => some.clone(),
        _ => Vec::new(),
    });
    assert!(found.eq(all) && pieces.len() == 4 && cut.is_none());
}

#[test]
fn a_line_that_no_block_holds_is_left_out_and_counted() {
    let long = "x".repeat(usize::try_from(MOST_BYTES).unwrap() / 2 + 1);
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    writer.records(&format!("1\n{long}\n2\n")).unwrap();
    assert_eq!((writer.totals().records, writer.totals().lost), (2, 1));
    let (pieces, _) = read(&writer.finish(Totals::default()).unwrap()).unwrap();
    assert_eq!(pieces[..2], [Piece::Records("1\n".to_owned()), Piece::Records("2\n".to_owned())]);
}

#[test]
fn a_file_that_is_cut_anywhere_is_read_to_its_last_whole_block() {
    let whole = small();
    let (all, _) = read(&whole).unwrap();
    let mut seen = 0;
    for length in 0..whole.len() {
        match read(&whole[..length]) {
            Ok((pieces, cut)) => {
                let cut = cut.expect("a cut file says so");
                assert_eq!(pieces[..], all[..pieces.len()], "cut to {length}");
                assert!(cut.offset <= u64::try_from(length).unwrap());
                assert_eq!(cut.blocks, u64::try_from(pieces.len()).unwrap());
                let said = cut.to_string();
                assert!(said.contains(&format!("at byte {}", cut.offset)), "{said}");
                assert!(pieces.len() >= seen, "more bytes, no fewer blocks");
                seen = pieces.len();
            }
            Err(RecordingError::Empty { .. }) => assert_eq!(length, 0),
            Err(RecordingError::NotOne { .. }) => assert!(length < MAGIC.len()),
            Err(RecordingError::Header { reason, .. }) => assert_eq!(reason, "the file ends within it"),
            Err(other) => panic!("cut to {length}: {other}"),
        }
    }
    assert_eq!(seen, 3, "all but the last");
}

#[test]
fn a_flipped_bit_never_gives_other_blocks() {
    let whole = small();
    let (all, _) = read(&whole).unwrap();
    for at in 0..whole.len() {
        for bit in [0x01, 0x10, 0x80] {
            let mut damaged = whole.clone();
            damaged[at] ^= bit;
            if let Ok((pieces, cut)) = read(&damaged) {
                assert_eq!(pieces[..], all[..pieces.len()], "byte {at}");
                assert!(cut.is_some(), "byte {at}: it is told");
            }
        }
    }
}

#[test]
fn what_is_no_recording_or_of_another_version_is_named() {
    let error = |file: &[u8]| read(file).unwrap_err().to_string();
    assert!(error(b"").contains("a.rec: is empty"), "{}", error(b""));
    let text = error(b"{\"type\":\"run\"}\n");
    assert!(text.contains("is no recording") && text.contains("it begins \"{\"type\":\""), "{text}");
    let mut later = small();
    later[MAGIC.len()] = 9;
    assert!(error(&later).contains("of version 9, and this host reads version 1"), "{}", error(&later));
    let mut long = small();
    long[MAGIC.len() + 4..MAGIC.len() + 8].fill(0xff);
    assert!(error(&long).contains("1048576 are the most"), "{}", error(&long));
    let missing = Reader::open(Path::new("no-such.rec")).unwrap_err().to_string();
    assert!(missing.contains("no-such.rec: no such file"), "{missing}");
}

fn any_request() -> impl Strategy<Value = Request> {
    let outcome = prop_oneof![
        Just(Outcome::Hit),
        Just(Outcome::Waited),
        Just(Outcome::Loaded),
        Just(Outcome::Failed),
        Just(Outcome::Work)
    ];
    let rest = any::<(u64, u8, u64, u32, u32, u32, u32)>();
    (outcome, rest).prop_map(|(outcome, (at_us, class, key, size, lifetime_s, wait_us, service_us))| {
        Request { at_us, class, outcome, key, size, lifetime_s, wait_us, service_us }
    })
}

proptest! {
    #[test]
    fn whatever_is_written_is_read(
        blocks in prop::collection::vec(prop::collection::vec(any_request(), 1..200), 0..5),
        lines in prop::collection::vec("[^\n]{0,50}", 0..10),
    ) {
        let mut writer = Writer::new(Vec::new(), &header()).unwrap();
        for block in &blocks {
            writer.requests(block).unwrap();
        }
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        writer.records(&text).unwrap();
        let (pieces, cut) = read(&writer.finish(Totals::default()).unwrap()).unwrap();
        let mut expected: Vec<Piece> = blocks.into_iter().map(Piece::Requests).collect();
        expected.extend((!text.is_empty()).then_some(Piece::Records(text)));
        prop_assert_eq!(&pieces[..pieces.len() - 1], &expected[..]);
        prop_assert!(cut.is_none());
    }

    #[test]
    fn whatever_a_sealed_block_holds_is_read_or_refused(
        kind in 0..5_u8,
        count in 0..40_usize,
        cut in 0..200_usize,
        noise in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        // Columns that are whole up to a place, and then anything.
        let mut raw = requests::encode(&some(20)).unwrap();
        raw.truncate(cut);
        raw.extend(noise);
        let mut file = Writer::new(Vec::new(), &header()).unwrap().finish(Totals::default()).unwrap();
        let end = file.len() - block::seal(block::END, 0, &postcard::to_allocvec(&Totals::default()).unwrap()).unwrap().len();
        file.truncate(end);
        file.extend(block::seal(kind, count, &raw).unwrap());
        let (pieces, cut) = read(&file).unwrap();
        prop_assert!(pieces.len() <= 1);
        prop_assert!(matches!(pieces.first(), Some(Piece::End(_))) || cut.is_some());
    }

    #[test]
    fn bytes_from_anywhere_are_read_or_refused(at in 0..400_usize, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut file = small();
        for (place, byte) in file.iter_mut().skip(at).zip(&bytes) {
            *place = *byte;
        }
        let _read_or_refused = read(&file).is_ok();
        let _neither_are_these = read(&bytes).is_ok();
    }
}
