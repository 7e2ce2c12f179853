//! A disk that fails when it is told to: a folder seen through FUSE, on which reads or writes end with EIO.
//!
//! What calls it is any program, with the kernel, its caches and its ways between: that is why it is not a library that is
//! loaded before the program (libfiu). Such a one knows neither the paths nor the calls that bypass the C library, counts
//! pipes and sockets along with files, and cannot fail what a mapping reads.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, Session, TimeOrNow, WriteFlags,
};

/// Nothing is remembered by the kernel: the folder below may be changed by the test.
const NOT_AT_ALL: Duration = Duration::ZERO;

/// What is asked of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Bytes of a file.
    Read,
    /// Whatever changes a file or a folder, or makes it durable.
    Write,
}

/// Which requests fail.
#[derive(Debug)]
struct Trouble {
    asked: Asked,
    below: PathBuf,
    /// The number of the first that fails, counted from 0.
    from: u64,
    lasting: bool,
    seen: u64,
    failed: Vec<String>,
}

/// The disk, unmounted when dropped.
#[derive(Debug)]
pub struct BadDisk {
    trouble: Arc<Mutex<Trouble>>,
    session: Option<BackgroundSession>,
}

impl BadDisk {
    /// Shows the folder `backing` at `at`, both of which are there. None where nobody may mount.
    pub fn mount(backing: &Path, at: &Path) -> Option<Self> {
        let trouble = Trouble {
            asked: Asked::Read,
            below: PathBuf::new(),
            from: u64::MAX,
            lasting: false,
            seen: 0,
            failed: Vec::new(),
        };
        let trouble = Arc::new(Mutex::new(trouble));
        let folder = Folder {
            trouble: Arc::clone(&trouble),
            root: backing.to_owned(),
            state: Mutex::new(State { paths: HashMap::from([(INodeNo::ROOT.0, PathBuf::new())]), ..State::default() }),
        };
        let session = Session::new(folder, at, &Config::default()).and_then(Session::spawn);
        Some(Self { trouble, session: Some(session.ok()?) })
    }

    /// From now on requests of this kind below a path (from the disk's root) are counted, and that with the number `from`
    /// fails, with all that follow it or without.
    pub fn fail(&self, asked: Asked, below: &str, from: u64, lasting: bool) {
        *unpoisoned(&self.trouble) = Trouble { asked, below: below.into(), from, lasting, seen: 0, failed: Vec::new() };
    }

    /// Requests of this kind are counted, and none fails.
    pub fn count(&self, asked: Asked, below: &str) {
        self.fail(asked, below, u64::MAX, false);
    }

    /// How many were counted, and which failed. From now on none does.
    pub fn mend(&self) -> (u64, Vec<String>) {
        let mut trouble = unpoisoned(&self.trouble);
        trouble.from = u64::MAX;
        (trouble.seen, std::mem::take(&mut trouble.failed))
    }
}

impl Drop for BadDisk {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // Busy or not, the folder that it is mounted at goes away with the test.
            let _ = session.umount_and_join();
        }
    }
}

#[derive(Debug)]
struct Folder {
    trouble: Arc<Mutex<Trouble>>,
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where each inode that the kernel knows lies below the root; the root itself is number 1.
    paths: HashMap<u64, PathBuf>,
    open: HashMap<u64, Arc<File>>,
    opened: u64,
}

impl Folder {
    fn path(&self, inode: INodeNo) -> io::Result<PathBuf> {
        unpoisoned(&self.state).paths.get(&inode.0).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn real(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// Lets a request pass or fails it.
    fn ask(&self, asked: Asked, what: &str, path: &Path) -> io::Result<()> {
        let mut trouble = unpoisoned(&self.trouble);
        if trouble.asked != asked || !path.starts_with(&trouble.below) {
            return Ok(());
        }
        let number = trouble.seen;
        trouble.seen += 1;
        if number == trouble.from || (trouble.lasting && number > trouble.from) {
            trouble.failed.push(format!("{what} {}", path.display()));
            return Err(rustix::io::Errno::IO.into());
        }
        Ok(())
    }

    /// What lies at a path, remembered under its inode.
    fn look(&self, path: PathBuf) -> io::Result<FileAttr> {
        let attributes = attributes(&fs::symlink_metadata(self.real(&path))?);
        if !path.as_os_str().is_empty() {
            unpoisoned(&self.state).paths.insert(attributes.ino.0, path);
        }
        Ok(attributes)
    }

    fn child(&self, parent: INodeNo, name: &OsStr) -> io::Result<PathBuf> {
        Ok(self.path(parent)?.join(name))
    }

    fn remember(&self, file: File) -> FileHandle {
        let mut state = unpoisoned(&self.state);
        state.opened += 1;
        let handle = state.opened;
        state.open.insert(handle, Arc::new(file));
        FileHandle(handle)
    }

    fn open_file(&self, handle: FileHandle) -> io::Result<Arc<File>> {
        unpoisoned(&self.state).open.get(&handle.0).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn moved(&self, from: &Path, to: &Path) {
        for path in unpoisoned(&self.state).paths.values_mut() {
            if let Ok(below) = path.strip_prefix(from) {
                *path = if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) };
            }
        }
    }

    fn change(&self, path: &Path, handle: Option<FileHandle>, mode: Option<u32>, change: &Change) -> io::Result<()> {
        self.ask(Asked::Write, "change", path)?;
        let real = self.real(path);
        if let Some(mode) = mode {
            fs::set_permissions(&real, Permissions::from_mode(mode & 0o7777))?;
        }
        if change.size.is_none() && change.accessed.is_none() && change.modified.is_none() {
            return Ok(());
        }
        let file = match handle {
            Some(handle) => self.open_file(handle)?,
            None => Arc::new(File::options().write(true).open(&real).or_else(|_| File::open(&real))?),
        };
        if let Some(size) = change.size {
            file.set_len(size)?;
        }
        let mut times = FileTimes::new();
        times = change.accessed.map_or(times, |at| times.set_accessed(time(at)));
        times = change.modified.map_or(times, |at| times.set_modified(time(at)));
        file.set_times(times)
    }
}

struct Change {
    size: Option<u64>,
    accessed: Option<TimeOrNow>,
    modified: Option<TimeOrNow>,
}

fn time(at: TimeOrNow) -> SystemTime {
    match at {
        TimeOrNow::SpecificTime(at) => at,
        TimeOrNow::Now => SystemTime::now(),
    }
}

fn attributes(metadata: &Metadata) -> FileAttr {
    FileAttr {
        ino: INodeNo(metadata.ino()),
        size: metadata.len(),
        blocks: metadata.blocks(),
        atime: metadata.accessed().unwrap_or(SystemTime::UNIX_EPOCH),
        mtime: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        ctime: SystemTime::UNIX_EPOCH + Duration::new(metadata.ctime().unsigned_abs(), metadata.ctime_nsec() as u32),
        crtime: SystemTime::UNIX_EPOCH,
        kind: FileType::from_std(metadata.file_type()).unwrap_or(FileType::RegularFile),
        perm: (metadata.mode() & 0o7777) as u16,
        nlink: metadata.nlink() as u32,
        uid: metadata.uid(),
        gid: metadata.gid(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

/// Answers a request: with what came out, or with what went wrong.
macro_rules! answer {
    ($reply:ident, $outcome:expr, $value:pat => $said:expr) => {
        let outcome = || -> io::Result<_> { $outcome };
        match outcome() {
            Ok($value) => $said,
            Err(error) => $reply.error(Errno::from(error)),
        }
    };
}

impl Filesystem for Folder {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        answer!(reply, self.look(self.child(parent, name)?), found => reply.entry(&NOT_AT_ALL, &found, Generation(0)));
    }

    fn getattr(&self, _: &Request, inode: INodeNo, handle: Option<FileHandle>, reply: ReplyAttr) {
        let found = || match handle {
            Some(handle) => Ok(attributes(&self.open_file(handle)?.metadata()?)),
            None => self.look(self.path(inode)?),
        };
        answer!(reply, found(), found => reply.attr(&NOT_AT_ALL, &found));
    }

    fn setattr(
        &self,
        _: &Request,
        inode: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _: Option<SystemTime>,
        handle: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = || {
            let path = self.path(inode)?;
            self.change(&path, handle, mode, &Change { size, accessed, modified })?;
            match handle {
                Some(handle) => Ok(attributes(&self.open_file(handle)?.metadata()?)),
                None => self.look(path),
            }
        };
        answer!(reply, changed(), found => reply.attr(&NOT_AT_ALL, &found));
    }

    fn readlink(&self, _: &Request, inode: INodeNo, reply: ReplyData) {
        let target = || fs::read_link(self.real(&self.path(inode)?));
        answer!(reply, target(), target => reply.data(target.as_os_str().as_encoded_bytes()));
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let made = || {
            let path = self.child(parent, name)?;
            self.ask(Asked::Write, "make the folder", &path)?;
            fs::DirBuilder::new().mode(mode & !umask).create(self.real(&path))?;
            self.look(path)
        };
        answer!(reply, made(), found => reply.entry(&NOT_AT_ALL, &found, Generation(0)));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let removed = || {
            let path = self.child(parent, name)?;
            self.ask(Asked::Write, "remove", &path)?;
            fs::remove_file(self.real(&path))
        };
        answer!(reply, removed(), () => reply.ok());
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let removed = || {
            let path = self.child(parent, name)?;
            self.ask(Asked::Write, "remove", &path)?;
            fs::remove_dir(self.real(&path))
        };
        answer!(reply, removed(), () => reply.ok());
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let renamed = || {
            let (from, to) = (self.child(parent, name)?, self.child(new_parent, new_name)?);
            self.ask(Asked::Write, "rename to", &to)?;
            let flags = rustix::fs::RenameFlags::from_bits_retain(flags.bits());
            let here = rustix::fs::CWD;
            rustix::fs::renameat_with(here, self.real(&from), here, self.real(&to), flags)?;
            self.moved(&from, &to);
            Ok(())
        };
        answer!(reply, renamed(), () => reply.ok());
    }

    fn link(&self, _: &Request, inode: INodeNo, new_parent: INodeNo, new_name: &OsStr, reply: ReplyEntry) {
        let linked = || {
            let (from, to) = (self.path(inode)?, self.child(new_parent, new_name)?);
            self.ask(Asked::Write, "link to", &to)?;
            fs::hard_link(self.real(&from), self.real(&to))?;
            self.look(to)
        };
        answer!(reply, linked(), found => reply.entry(&NOT_AT_ALL, &found, Generation(0)));
    }

    fn open(&self, _: &Request, inode: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let opened = || {
            let path = self.path(inode)?;
            let writes = flags.0 & (rustix::fs::OFlags::ACCMODE.bits() as i32) != 0;
            // The kernel says where to append, and reads what a program only writes.
            let file = File::options().read(true).write(writes).open(self.real(&path))?;
            if flags.0 & rustix::fs::OFlags::TRUNC.bits() as i32 != 0 {
                self.ask(Asked::Write, "empty", &path)?;
                file.set_len(0)?;
            }
            Ok(self.remember(file))
        };
        answer!(reply, opened(), handle => reply.opened(handle, FopenFlags::empty()));
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let created = || {
            let path = self.child(parent, name)?;
            self.ask(Asked::Write, "create", &path)?;
            let mut options = OpenOptions::new();
            options.read(true).write(true).mode(mode & !umask);
            if flags & rustix::fs::OFlags::EXCL.bits() as i32 != 0 {
                options.create_new(true)
            } else {
                options.create(true)
            };
            let file = options.open(self.real(&path))?;
            Ok((self.look(path)?, self.remember(file)))
        };
        answer!(reply, created(), (found, handle) => {
            reply.created(&NOT_AT_ALL, &found, Generation(0), handle, FopenFlags::empty());
        });
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = || {
            self.ask(Asked::Read, "read", &self.path(inode)?)?;
            let file = self.open_file(handle)?;
            let mut bytes = vec![0; size as usize];
            let mut filled = 0;
            while filled < bytes.len() {
                match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
                    0 => break,
                    more => filled += more,
                }
            }
            bytes.truncate(filled);
            Ok(bytes)
        };
        answer!(reply, read(), bytes => reply.data(&bytes));
    }

    fn write(
        &self,
        _: &Request,
        inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = || {
            self.ask(Asked::Write, "write", &self.path(inode)?)?;
            self.open_file(handle)?.write_all_at(data, offset)
        };
        answer!(reply, written(), () => reply.written(data.len() as u32));
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        // What is below need not outlast a power cut.
        answer!(reply, self.ask(Asked::Write, "fsync", &self.path(inode)?), () => reply.ok());
    }

    fn fsyncdir(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer!(reply, self.ask(Asked::Write, "fsync", &self.path(inode)?), () => reply.ok());
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        unpoisoned(&self.state).open.remove(&handle.0);
        reply.ok();
    }

    fn readdir(&self, _: &Request, inode: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = || {
            let mut entries = Vec::new();
            for entry in fs::read_dir(self.real(&self.path(inode)?))? {
                let entry = entry?;
                let kind = FileType::from_std(entry.file_type()?).unwrap_or(FileType::RegularFile);
                entries.push((entry.file_name(), kind, std::os::unix::fs::DirEntryExt::ino(&entry)));
            }
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            Ok(entries)
        };
        answer!(reply, listed(), entries => {
            for ((name, kind, inode), next) in entries.into_iter().zip(1..).skip(offset as usize) {
                if reply.add(INodeNo(inode), next, kind, name) {
                    break;
                }
            }
            reply.ok();
        });
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 30, 1 << 29, 1 << 29, 1 << 30, 1 << 29, 4096, 255, 4096);
    }
}

fn unpoisoned<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
