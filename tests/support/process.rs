//! A process that ends with its owner: when it is dropped, when the test
//! panics, when the test binary returns from `main` without dropping its
//! statics, and when it is killed.

use std::fs::{self, File};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::wait_for;

/// Becomes the program after it has left a watchman behind, who reads from a
/// pipe that only the owner holds open. A line: the program has been waited
/// for, its id may belong to another by now. The end without a line: the
/// owner is dead.
///
/// Linux could do this with `PR_SET_PDEATHSIG`, but that fires when the
/// *thread* that started the process ends, and each test is a thread.
const WATCHED: &str = r#"
exec 3<&0 </dev/null
{ read -r _ <&3 || kill -KILL $$; [ -n "$TOOLGATE_KEEP_LOGS" ] || rm -rf "$0"; } 2>/dev/null &
exec 3<&- "$@"
"#;

static RUNNING: AtomicU32 = AtomicU32::new(0);

/// The number of processes that tests of this binary run now.
pub fn running() -> u32 {
    RUNNING.load(Ordering::SeqCst)
}

/// The running program.
pub struct Process {
    child: Child,
    watchman: ChildStdin,
    scratch: Scratch,
}

impl Process {
    /// Starts a command; what it prints goes to files in `scratch`.
    pub fn start(scratch: Scratch, command: &[&str], environment: &[(String, String)]) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", WATCHED, &scratch.path("")])
            .args(command)
            .envs(environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(scratch.create("stdout"))
            .stderr(scratch.create("stderr"))
            .spawn()
            .expect("a shell");
        let watchman = child.stdin.take().expect("a pipe");
        RUNNING.fetch_add(1, Ordering::SeqCst);
        Self { child, watchman, scratch }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Waits for the end; whether it was a success.
    pub fn wait(&mut self) -> bool {
        wait_for("a process to end", || self.child.try_wait().expect("a child")).success()
    }

    /// Its standard error.
    pub fn log(&self) -> String {
        self.scratch.read("stderr")
    }

    /// Its standard output.
    pub fn output(&self) -> String {
        self.scratch.read("stdout")
    }
}

impl Drop for Process {
    /// A failing test takes its process along, but shows what it said.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of process {}:\n{}", self.pid(), self.log());
        }
        RUNNING.fetch_sub(1, Ordering::SeqCst);
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.watchman.write_all(b"ended\n");
    }
}

/// For programs that cannot be asked which port they took. All are held until all are known, or two could be one.
pub fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("an address"))
}

/// A folder for one process, below the build's folder for temporary files.
/// The watchman removes it, unless `TOOLGATE_KEEP_LOGS` is set.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("processes").join(name);
        // Of an earlier run whose process id has come round again.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("a file");
        self.path(name)
    }

    /// The current content of a file. Empty if there is no such file.
    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn create(&self, name: &str) -> File {
        File::create(self.path(name)).expect("a file")
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
