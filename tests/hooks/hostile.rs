//! A hostile environment reaches neither Python nor the library.

use std::path::Path;
use std::process::Command;

use crate::common;
use crate::tree::{Stdin, Tree, run};

/// A folder with programs, modules and a library that leave a mark when they run.
fn trap(dir: &Path) {
    let mark = |name: &str| dir.join(format!("mark-{name}")).display().to_string();
    for name in ["env", "python3", "sh", "cat", "echo"] {
        std::fs::write(dir.join(name), format!("#!/bin/sh\n: >{}\n", mark(name))).unwrap();
        common::chmod(&dir.join(name), 0o755);
    }
    for name in ["os", "json", "re", "ctypes", "panelgate", "panelhook", "sitecustomize", "usercustomize"] {
        let text = format!("open({:?}, 'w')\nraise SystemExit(3)\n", mark(name));
        std::fs::write(dir.join(format!("{name}.py")), text).unwrap();
    }
    std::fs::write(dir.join("start"), format!(": >{}\n", mark("start"))).unwrap();
    let code = format!(
        "#include <stdio.h>\n#include <string.h>\n\
         __attribute__((constructor)) static void seen(void) {{\n\
         char name[64] = \"\"; FILE *file = fopen(\"/proc/self/comm\", \"r\");\n\
         if (file) {{ if (!fgets(name, sizeof name, file)) name[0] = 0; fclose(file); }}\n\
         if (strncmp(name, \"python\", 6) == 0) {{ file = fopen(\"{}\", \"w\"); if (file) fclose(file); }} }}\n",
        mark("preload")
    );
    std::fs::write(dir.join("preload.c"), code).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(dir.join("preload.so"))
        .arg(dir.join("preload.c"))
        .status()
        .unwrap();
    assert!(built.success());
}

fn marks(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.starts_with("mark-")).collect()
}

fn environment(dir: &Path) -> Vec<(&'static str, String)> {
    let here = dir.display().to_string();
    let touch = |name: &str| format!("() {{ : >{here}/mark-{name}; }}");
    vec![
        ("PATH", here.clone()),
        ("PYTHONPATH", here.clone()),
        ("PYTHONHOME", here.clone()),
        ("PYTHONSTARTUP", format!("{here}/os.py")),
        ("PYTHONINSPECT", "1".into()),
        ("PYTHONWARNINGS", "error".into()),
        ("PYTHONUSERBASE", here.clone()),
        ("LD_PRELOAD", format!("{here}/preload.so")),
        ("LD_LIBRARY_PATH", here.clone()),
        ("IFS", "/-cep".into()),
        ("ENV", format!("{here}/start")),
        ("BASH_ENV", format!("{here}/start")),
        ("SHELLOPTS", "xtrace".into()),
        ("PS4", format!("$(: >{here}/mark-ps4)")),
        ("BASH_FUNC_exec%%", touch("exec")),
        ("BASH_FUNC_echo%%", touch("function")),
        ("CDPATH", here.clone()),
        ("HOME", here.clone()),
        ("TMPDIR", here.clone()),
        ("LC_ALL", "tr_TR.ISO-8859-9".into()),
        ("GATEWAY_INTERFACE", "CGI/1.1".into()),
        ("REQUEST_METHOD", "POST".into()),
        ("REMOTE_USER", "root".into()),
        ("HTTP_PROXY", "http://127.0.0.1:9".into()),
        ("https_proxy", "http://127.0.0.1:9".into()),
        ("SSL_CERT_FILE", format!("{here}/start")),
        ("passwd", "hunter2-in-the-clear".into()),
    ]
}

#[test]
fn nothing_of_the_environment_gets_through() {
    let trap_dir = tempfile::tempdir().unwrap();
    common::chmod(trap_dir.path(), 0o777);
    trap(trap_dir.path());
    let environment = environment(trap_dir.path());
    let variables: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let tree = Tree::recording();
    let hook = tree.path("cpanel/panelgate-hook");
    // The shell that Debian has for /bin/sh, and the one that DirectAdmin's installer puts there.
    let bash = trap_dir.path().join("bin/sh");
    std::fs::create_dir(trap_dir.path().join("bin")).unwrap();
    std::os::unix::fs::symlink("/bin/bash", &bash).unwrap();
    let path = hook.display().to_string();
    for (program, words) in [(hook.as_path(), vec!["event"]), (&bash, vec![&path, "event"])] {
        let output = run(program, &words, &variables, Stdin::Bytes(b"{}"), 0);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.starts_with("1 Panelgate: ") && text.matches('\n').count() == 1, "{text}");
        assert!(output.status.success());
        let record = tree.record();
        assert_eq!(record["environment"], serde_json::json!(["LC_ALL", "PATH"]));
        assert_eq!(marks(trap_dir.path()), Vec::<String>::new(), "{}", program.display());
    }
    // The same trap catches what is not so careful.
    let text = format!("import {}\n", "os, json");
    let careless = trap_dir.path().join("careless");
    std::fs::write(&careless, text).unwrap();
    let _ =
        Command::new("/usr/bin/python3").arg(&careless).env("PYTHONPATH", trap_dir.path()).output().unwrap();
    assert!(!marks(trap_dir.path()).is_empty());

    let user = variables.iter().copied().chain([("username", "alice")]).collect::<Vec<_>>();
    for mark in marks(trap_dir.path()) {
        std::fs::remove_file(trap_dir.path().join(mark)).unwrap();
    }
    let output = run(&tree.path("directadmin/hooks/user_suspend_post.sh"), &[], &user, Stdin::Bytes(b""), 0);
    assert!(output.status.success() && output.stdout.is_empty());
    assert_eq!(tree.record()["environment"], serde_json::json!(["LC_ALL", "PATH", "username"]));
    assert_eq!(marks(trap_dir.path()), Vec::<String>::new());
}

/// What every Python file here must be able to run on.
#[test]
fn the_scripts_are_for_python_3_6_and_warn_of_nothing() {
    let check = "import ast, sys\nfor name in sys.argv[1:]:\n    text = open(name, encoding='utf-8').read()\n    \
                 ast.parse(text, name, feature_version=(3, 6))\n    compile(text, name, 'exec')\n";
    let files = ["panelhook.py", "cpanel/hook.py", "cpanel/whm.py", "directadmin/hook.py", "panelgate.py"];
    let files = files.map(|name| crate::tree::source("panel-hooks").join(name));
    let output = Command::new("python3").args(["-W", "error", "-c", check]).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
