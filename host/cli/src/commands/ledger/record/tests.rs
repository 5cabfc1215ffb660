use super::*;

fn row(text: &str) -> Row {
    match Line::read(text.as_bytes()) {
        Ok(Some(Line::Row(row))) => row,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_decision_is_a_row_in_the_unit_of_its_dial() {
    let text = r#"{"type":"decision","id":3,"tick":7,"at_ms":0,"dial":"cache-capacity","from":4000000,"to":8000000,
        "by":["a","b"],"probability":1.0,"saw":{},"reason":"more room"}"#;
    let mut decided = row(text);
    assert_eq!((decided.tick, decided.who.as_str(), decided.decision), (Some(7), "a, b", Some(3)));
    assert_eq!(decided.change, "4 MB -> 8 MB");
    assert_eq!(decided.strategies().collect::<Vec<_>>(), ["a", "b"]);
    decided.judged("better", "hit-ratio 50.0 %");
    assert_eq!(
        (decided.verdict.as_str(), decided.reason.as_str()),
        ("better", "more room; hit-ratio 50.0 %")
    );
}

#[test]
fn a_proposal_is_shown_where_it_was_not_applied() {
    let proposal = |verdict: &str| {
        format!(
            r#"{{"type":"proposal","tick":2,"strategy":"a","digest":"d","dial":"io-workers","asked":99,"proposed":64,
            "answer":{{"refused":{{"cooling-down":9}}}},"verdict":"{verdict}"}}"#
        )
    };
    assert_eq!(Line::read(proposal("applied").as_bytes()), Ok(None));
    let refused = row(&proposal("refused"));
    assert_eq!((refused.change.as_str(), refused.verdict.as_str()), ("-> 99", "refused"));
    assert_eq!(refused.reason, "refused: cooling-down 9");
}

#[test]
fn what_is_wrong_with_a_line_is_named() {
    let error = |text: &str| Line::read(text.as_bytes()).unwrap_err();
    assert_eq!(error(r#"{"type":"tick""#), "EOF while parsing an object at column 14");
    assert_eq!(error("[1]"), "not a JSON object");
    assert_eq!(error("{}"), "an object without `type`");
    assert_eq!(error(r#"{"type":"log","tick":1}"#), "a record `log` without `level`");
    let text = r#"{"type":"log","tick":"one","strategy":"a","level":"info","message":"m"}"#;
    assert_eq!(error(text), "`tick` of a record `log` is not a whole number");
}

#[test]
fn a_record_of_a_later_host_is_shown_with_its_fields() {
    let later = row(r#"{"type":"restarted","tick":4,"strategy":"a","attempt":2}"#);
    assert_eq!((later.tick, later.who.as_str(), later.verdict.as_str()), (Some(4), "a", "restarted"));
    assert_eq!(later.reason, "attempt 2");
}
