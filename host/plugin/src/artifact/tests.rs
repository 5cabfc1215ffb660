use super::*;

fn digest() -> Digest {
    Digest::of(b"one")
}

fn entry_files(dir: &Path) -> (PathBuf, PathBuf) {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 2, "nothing temporary is left: {files:?}");
    (files[0].clone(), files[1].clone())
}

struct Kept {
    engine: Engine,
    artifacts: Artifacts,
    cwasm: PathBuf,
    json: PathBuf,
    _dir: tempfile::TempDir,
}

fn compiled(engine: &Engine) -> Vec<u8> {
    engine.precompile_component(&wat::parse_str("(component)").unwrap()).unwrap()
}

fn kept() -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let engine = crate::engine::engine(crate::world::World::Strategy).unwrap();
    let artifacts = Artifacts::open(dir.path(), u64::MAX, &engine).unwrap();
    artifacts.keep(&compiled(&engine), &digest(), 8).unwrap();
    let (cwasm, json) = entry_files(dir.path());
    Kept { engine, artifacts, cwasm, json, _dir: dir }
}

#[test]
fn what_is_kept_is_found_under_its_digest_only() {
    let kept = kept();
    assert!(kept.artifacts.find(&kept.engine, &digest()).is_some());
    assert!(kept.artifacts.find(&kept.engine, &Digest::of(b"two")).is_none());
}

#[test]
fn an_entry_that_was_cut_changed_or_lost_counts_as_none() {
    let kept = kept();
    let code = fs::read(&kept.cwasm).unwrap();

    fs::write(&kept.cwasm, &code[..code.len() / 2]).unwrap();
    assert!(kept.artifacts.find(&kept.engine, &digest()).is_none());

    let mut changed = code.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&kept.cwasm, changed).unwrap();
    assert!(kept.artifacts.find(&kept.engine, &digest()).is_none());

    fs::write(&kept.cwasm, &code).unwrap();
    assert!(kept.artifacts.find(&kept.engine, &digest()).is_some());

    fs::write(&kept.json, "{").unwrap();
    assert!(kept.artifacts.find(&kept.engine, &digest()).is_none());
    fs::remove_file(&kept.json).unwrap();
    assert!(kept.artifacts.find(&kept.engine, &digest()).is_none());
}

#[test]
fn code_that_the_note_vouches_for_but_wasmtime_did_not_write_is_refused() {
    let kept = kept();
    fs::write(&kept.cwasm, "not compiled code").unwrap();
    let mut entry: Entry = serde_json::from_slice(&fs::read(&kept.json).unwrap()).unwrap();
    entry.compiled = blake3::hash(b"not compiled code").to_hex().to_string();
    fs::write(&kept.json, serde_json::to_vec(&entry).unwrap()).unwrap();
    assert!(kept.artifacts.find(&kept.engine, &digest()).is_none());
}

#[test]
fn other_settings_of_the_engine_have_other_entries() {
    let kept = kept();
    let other = Engine::default();
    assert_ne!(engine_key(&kept.engine), engine_key(&other));
    assert_eq!(
        engine_key(&kept.engine),
        engine_key(&crate::engine::engine(crate::world::World::Strategy).unwrap())
    );
}

#[cfg(unix)]
#[test]
fn the_directory_is_made_for_the_user_alone_and_refused_where_others_can_write() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let engine = crate::engine::engine(crate::world::World::Strategy).unwrap();
    let made = dir.path().join("a/b");
    Artifacts::open(&made, u64::MAX, &engine).unwrap();
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);

    fs::set_permissions(&made, fs::Permissions::from_mode(0o777)).unwrap();
    let error = Artifacts::open(&made, u64::MAX, &engine).unwrap_err();
    assert_eq!(error.to_string(), "others can write to it; `chmod go-w` it");
}

#[test]
fn hosts_that_write_and_read_at_once_leave_a_sound_entry() {
    let kept = kept();
    let compiled = compiled(&kept.engine);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    kept.artifacts.keep(&compiled, &digest(), 8).unwrap();
                    // None while another's note waits for its code would be sound as well.
                    drop(kept.artifacts.find(&kept.engine, &digest()));
                }
            });
        }
    });
    assert!(kept.artifacts.find(&kept.engine, &digest()).is_some());
    assert_eq!(entry_files(kept.cwasm.parent().unwrap()), (kept.cwasm.clone(), kept.json.clone()));
}
