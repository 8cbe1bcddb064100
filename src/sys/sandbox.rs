//! Walls around a process that handles what strangers sent: few descriptors, few system calls, one part of the file system.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// Closes every descriptor above standard error. To be called first in a program, before anything is opened: it would take others' descriptors from them.
///
/// # Errors
/// If the process has more than one thread already, or what the system says.
pub fn close_inherited() -> io::Result<()> {
    const FIRST: libc::c_uint = 3;
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("descriptors cannot be closed: there are other threads"));
    }
    // SAFETY: the call takes numbers only. The process has one thread, which has only just begun: what it closes came from whoever started it.
    if unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) } == 0 {
        return Ok(());
    }
    // A kernel before 5.9: one after the other. The listing's own descriptor is among them, and its owner has closed it by then.
    let numbers: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|number| *number >= 3) {
        // SAFETY: as above.
        unsafe { libc::close(number) };
    }
    Ok(())
}

/// Bounds what the process can use up: open files and memory for data (bytes).
///
/// # Errors
/// What the system says.
pub fn limit(files: u64, memory: u64) -> io::Result<()> {
    for (resource, most) in [(Resource::Nofile, files), (Resource::Data, memory)] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// What the kernel has of the second wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wall {
    /// Everything that was asked for.
    Whole,
    /// An older kernel: less than that.
    Partly,
    /// The kernel has none that renaming files would pass (before Linux 5.19).
    None,
}

/// Lets this thread, and those that it starts, reach files below these directories only, and no network (Landlock). For good.
///
/// # Errors
/// If the kernel has it and refuses.
pub fn confine_below(directories: &[BorrowedFd<'_>]) -> io::Result<Wall> {
    let fail = |error: landlock::RulesetError| io::Error::other(error.to_string());
    // Without REFER, which came with the second version, no file can be renamed into another directory.
    let with_refer =
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::Refer);
    let Ok(rules) = with_refer else { return Ok(Wall::None) };
    let everything = AccessFs::from_all(ABI::V5);
    let status = rules
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(everything)
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V5)))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .and_then(|rules| {
            directories
                .iter()
                .try_fold(rules, |rules, directory| rules.add_rule(PathBeneath::new(directory, everything)))
        })
        .and_then(|rules| rules.restrict_self())
        .map_err(fail)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Wall::Whole,
        RulesetStatus::PartiallyEnforced => Wall::Partly,
        RulesetStatus::NotEnforced => Wall::None,
    })
}

/// Lets this thread, and those that it starts, ask the kernel only for what working on files needs: no program can be started, no socket made, no
/// process looked at or signalled. Anything else fails with EPERM. For good; sets `no_new_privs`.
///
/// # Errors
/// If the kernel refuses.
pub fn forbid_all_but_files() -> io::Result<()> {
    let fail = |error: seccompiler::Error| io::Error::other(error.to_string());
    let arch =
        TargetArch::try_from(std::env::consts::ARCH).map_err(|error| io::Error::other(error.to_string()))?;
    for (rules, otherwise, then) in [
        // A filter cannot look into clone3's structure; libc then takes clone.
        (
            BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
            SeccompAction::Allow,
            SeccompAction::Errno(libc::ENOSYS as u32),
        ),
        (allowed().map_err(fail)?, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow),
    ] {
        let filter = SeccompFilter::new(rules, otherwise, then, arch).map_err(|error| fail(error.into()))?;
        let program = BpfProgram::try_from(filter).map_err(|error| fail(error.into()))?;
        seccompiler::apply_filter(&program).map_err(fail)?;
    }
    Ok(())
}

/// The table of what is allowed: without conditions, or only with certain arguments.
fn allowed() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        FILES.iter().chain(&PROCESS).chain(OLD_NAMES).map(|number| (*number, Vec::new())).collect();
    let dword = SeccompCmpArgLen::Dword;
    let when = |argument, how, value: u64| -> Result<SeccompRule, seccompiler::Error> {
        Ok(SeccompRule::new(vec![SeccompCondition::new(argument, dword.clone(), how, value)?])?)
    };
    // Threads, not processes.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    // Asking for a file's flags (immutable, append-only), and no other ioctl.
    rules.insert(libc::SYS_ioctl, vec![when(1, SeccompCmpOp::Eq, u64::from(FS_IOC_GETFLAGS))?]);
    // Naming a thread, and whether the process can be looked at.
    let prctl = [libc::PR_SET_NAME, libc::PR_GET_DUMPABLE];
    let prctl: Result<Vec<_>, _> =
        prctl.into_iter().map(|option| when(0, SeccompCmpOp::Eq, option as u64)).collect();
    rules.insert(libc::SYS_prctl, prctl?);
    // Asking for limits, not changing them.
    let asking = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![asking])?]);
    // abort() of this process: signals to its own threads.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![when(0, SeccompCmpOp::Eq, own)?]);
    Ok(rules)
}

/// `FS_IOC_GETFLAGS` as the 64-bit kernels number it.
const FS_IOC_GETFLAGS: u32 = 0x8008_6601;

/// Files and directories.
const FILES: [i64; 52] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_readlinkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_utimensat,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_syncfs,
    libc::SYS_sync_file_range,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_umask,
    libc::SYS_fgetxattr,
    libc::SYS_flistxattr,
    // Messages on sockets that are there already.
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_shutdown,
];

/// Memory, time, threads, the process's own end.
const PROCESS: [i64; 36] = [
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_membarrier,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_clone3,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The same under the names that only older architectures have.
#[cfg(target_arch = "x86_64")]
const OLD_NAMES: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_readlink,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_getdents,
    libc::SYS_time,
];

/// The same under the names that only older architectures have.
#[cfg(not(target_arch = "x86_64"))]
const OLD_NAMES: &[i64] = &[];

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::process::Command;

    /// Both walls are around one thread, and those that it starts.
    fn behind_walls<T: Send>(directory: &std::path::Path, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let directory = std::fs::File::open(directory).unwrap();
                assert_ne!(
                    confine_below(&[directory.as_fd()]).unwrap(),
                    Wall::None,
                    "this kernel has no Landlock"
                );
                drop(directory);
                forbid_all_but_files().unwrap();
                work()
            });
            thread.join().unwrap()
        })
    }

    #[test]
    fn files_below_the_directory_can_be_worked_on_from_several_threads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        behind_walls(path, || {
            std::fs::create_dir_all(path.join("a/b")).unwrap();
            std::fs::write(path.join("a/b/f"), b"12345").unwrap();
            std::fs::rename(path.join("a/b/f"), path.join("g")).unwrap();
            std::fs::File::open(path.join("g")).unwrap().sync_all().unwrap();
            assert_eq!(std::fs::read_dir(path).unwrap().count(), 2);
            let length = std::thread::scope(|scope| {
                scope.spawn(|| std::fs::read(path.join("g")).unwrap().len()).join().unwrap()
            });
            assert_eq!(length, 5);
            std::fs::remove_file(path.join("g")).unwrap();
            std::fs::remove_dir_all(path.join("a")).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(1));
            let _ = crate::sys::random::bytes::<8>();
        });
    }

    #[test]
    fn nothing_else_can_be_done() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("secret"), b"x").unwrap();
        let refused = behind_walls(dir.path(), || {
            // SAFETY: the calls take numbers and null pointers only; all of them are refused before they look at anything.
            let ptrace = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
            // SAFETY: as above.
            let fork = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
            // SAFETY: as above.
            let bpf = unsafe { libc::syscall(libc::SYS_bpf, 0, 0, 0) };
            // SAFETY: as above.
            let vm = unsafe { libc::syscall(libc::SYS_process_vm_readv, 1, 0, 0, 0, 0, 0) };
            let myself = rustix::process::getpid();
            [
                ("a file outside", std::fs::read(outside.path().join("secret")).is_err()),
                ("a list outside", std::fs::read_dir("/").is_err()),
                ("a new file outside", std::fs::write(outside.path().join("new"), b"").is_err()),
                ("a program", Command::new("/bin/true").status().is_err()),
                ("a TCP socket", std::net::TcpListener::bind("127.0.0.1:0").is_err()),
                ("a Unix socket", std::os::unix::net::UnixDatagram::unbound().is_err()),
                ("ptrace", ptrace == -1),
                ("fork", fork == -1),
                ("bpf", bpf == -1),
                ("another's memory", vm == -1),
                ("a signal", rustix::process::test_kill_process(myself).is_err()),
                ("another limit", limit(10, 10).is_err()),
                (
                    "dumpable",
                    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)
                        .is_err(),
                ),
            ]
        });
        for (what, refused) in refused {
            assert!(refused, "{what}");
        }
        assert!(Command::new("/bin/true").status().is_ok(), "this thread is free");
    }
}
