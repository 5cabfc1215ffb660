//! Shows what stands in a file inside a message.

/// The first bytes of something found, on one line and harmless to a terminal.
pub(crate) fn excerpt(found: &[u8]) -> String {
    const SHOWN: usize = 40;
    let cut = found.len() > SHOWN;
    let shown = String::from_utf8_lossy(found.get(..SHOWN).unwrap_or(found));
    // A character cut in two at the end is not the file's fault.
    let shown = if cut { shown.trim_end_matches('\u{fffd}') } else { &shown };
    let escaped: String = shown
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    if cut { escaped + "…" } else { escaped }
}
