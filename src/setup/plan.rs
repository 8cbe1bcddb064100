//! A plan: steps that each know whether they are done, how to do them, and how to take them back.

use std::fmt;

use serde::{Serialize, Serializer};

use super::server::Server;
use crate::error::{Error, ErrorKind, Result};

/// What a step does on the server. All of it can be called at any time and as often as one likes.
pub(super) trait Work {
    /// Whether it is done.
    ///
    /// # Errors
    /// If that cannot be found out, or if it can never be done here, with what to do about it.
    fn standing(&self, server: &Server) -> Result<Standing>;

    /// Does it.
    ///
    /// # Errors
    /// With what went wrong, where, and what to do.
    fn apply(&self, server: &Server) -> Result<()>;

    /// Whether there is anything to take back. What stays on the server has nothing.
    ///
    /// # Errors
    /// If that cannot be found out.
    fn is_there(&self, _server: &Server) -> Result<bool> {
        Ok(false)
    }

    /// Takes it back, and whatever a process that was killed may have left of it.
    ///
    /// # Errors
    /// As [`Work::apply`].
    fn undo(&self, _server: &Server) -> Result<()> {
        Ok(())
    }
}

/// Whether a step is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is.
    Done,
    /// It is not, for this reason.
    Todo(String),
}

impl Standing {
    /// [`Standing::Done`] if `done`, else what is missing.
    pub(super) fn when(done: bool, missing: impl Into<String>) -> Self {
        if done { Self::Done } else { Self::Todo(missing.into()) }
    }
}

/// Steps that need each other: when one fails, those behind it in its group are not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// The configuration file. Without it nothing else is tried.
    Configuration,
    /// The panel's page, hooks and icons.
    Panel,
    /// The publication endpoint behind a web server.
    Endpoint,
    /// Panelgate's own programs.
    Programs,
}

/// One step.
pub(super) struct Step {
    /// A stable name.
    pub(super) name: &'static str,
    /// What it belongs to.
    pub(super) group: Group,
    /// What it does, in one line.
    pub(super) what: String,
    /// Why.
    pub(super) why: &'static str,
    /// How.
    pub(super) work: Box<dyn Work>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// There was nothing to do.
    Ok,
    /// It has been done now, or taken back now.
    Done,
    /// It would be done.
    Todo,
    /// It failed.
    Fail,
    /// It was not tried, because of an earlier failure.
    Skipped,
}

/// What has become of a step.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The step's name.
    pub name: &'static str,
    /// What the step does.
    pub what: String,
    /// Why.
    pub why: &'static str,
    /// How it ended.
    pub state: State,
    /// What there was to do, or what went wrong.
    pub text: Option<String>,
    /// The kind of the failure.
    #[serde(serialize_with = "kind_name")]
    pub kind: Option<ErrorKind>,
}

fn kind_name<S: Serializer>(kind: &Option<ErrorKind>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    kind.map(ErrorKind::name).serialize(serializer)
}

/// Is told of each step as it begins and ends.
pub trait Watcher {
    /// The step of that name begins.
    fn begin(&mut self, name: &'static str);
    /// The step has ended.
    fn end(&mut self, outcome: &Outcome);
}

/// What is done with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Only look.
    Look,
    /// Do what is missing.
    Apply,
    /// Take everything back, the last step first.
    Undo,
    /// Look what there is to take back.
    LookBack,
}

/// Goes through the steps. What fails does not keep the other groups from being tried, nor what is taken back.
pub(super) fn go(steps: &[Step], server: &Server, way: Way, watcher: &mut dyn Watcher) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(steps.len());
    let mut failed: Vec<Group> = Vec::new();
    let order: Box<dyn Iterator<Item = &Step>> = match way {
        Way::Look | Way::Apply => Box::new(steps.iter()),
        Way::Undo | Way::LookBack => Box::new(steps.iter().rev()),
    };
    for step in order {
        watcher.begin(step.name);
        let in_vain = failed.contains(&step.group) || failed.contains(&Group::Configuration);
        let outcome = match way {
            Way::Apply if in_vain => step.outcome(State::Skipped, None),
            Way::Look => step.judge(look(step, server)),
            Way::Apply => step.judge(apply(step, server)),
            Way::Undo => step.judge(undo(step, server)),
            Way::LookBack => step.judge(look_back(step, server)),
        };
        if outcome.state == State::Fail {
            failed.push(step.group);
        }
        watcher.end(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

type Ended = Result<(State, Option<String>)>;

fn look(step: &Step, server: &Server) -> Ended {
    Ok(match step.work.standing(server)? {
        Standing::Done => (State::Ok, None),
        Standing::Todo(reason) => (State::Todo, Some(reason)),
    })
}

fn apply(step: &Step, server: &Server) -> Ended {
    let Standing::Todo(reason) = step.work.standing(server)? else { return Ok((State::Ok, None)) };
    step.work.apply(server)?;
    match step.work.standing(server)? {
        Standing::Done => Ok((State::Done, Some(reason))),
        Standing::Todo(reason) => {
            let text =
                format!("it was done without complaint, and still {reason}: the panel's own logs say more");
            Err(Error::new(ErrorKind::Internal, text))
        }
    }
}

fn undo(step: &Step, server: &Server) -> Ended {
    let was_there = step.work.is_there(server);
    step.work.undo(server)?;
    Ok((if was_there? { State::Done } else { State::Ok }, None))
}

fn look_back(step: &Step, server: &Server) -> Ended {
    Ok((if step.work.is_there(server)? { State::Todo } else { State::Ok }, None))
}

impl Step {
    /// The step, by what taking it back does.
    pub(super) fn back(self, what: String) -> Self {
        Self { what, why: "", ..self }
    }

    fn outcome(&self, state: State, text: Option<String>) -> Outcome {
        Outcome { name: self.name, what: self.what.clone(), why: self.why, state, text, kind: None }
    }

    fn judge(&self, ended: Ended) -> Outcome {
        match ended {
            Ok((state, text)) => self.outcome(state, text),
            Err(error) => {
                Outcome { kind: Some(error.kind()), ..self.outcome(State::Fail, Some(error.chain())) }
            }
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::path::Path;
    use std::rc::Rc;

    /// A step that is a number: done at 1, never done at 2 without complaint, fails at 3.
    struct Number(Rc<Cell<u8>>, u8);

    impl Work for Number {
        fn standing(&self, _: &Server) -> Result<Standing> {
            Ok(Standing::when(self.0.get() == 1, "it is not 1"))
        }

        fn apply(&self, _: &Server) -> Result<()> {
            self.0.set(self.1);
            if self.1 == 3 { Err(Error::new(ErrorKind::Config, "no")) } else { Ok(()) }
        }

        fn is_there(&self, _: &Server) -> Result<bool> {
            Ok(self.0.get() != 0)
        }

        fn undo(&self, _: &Server) -> Result<()> {
            self.0.set(0);
            Ok(())
        }
    }

    struct Nobody;

    impl Watcher for Nobody {
        fn begin(&mut self, _: &'static str) {}
        fn end(&mut self, _: &Outcome) {}
    }

    fn plan(ends: &[(Group, u8)]) -> (Vec<Step>, Vec<Rc<Cell<u8>>>) {
        let cells: Vec<Rc<Cell<u8>>> = ends.iter().map(|_| Rc::default()).collect();
        let step = |((group, end), cell): (&(Group, u8), &Rc<Cell<u8>>)| Step {
            name: "number",
            group: *group,
            what: "makes it 1".into(),
            why: "it should be",
            work: Box::new(Number(Rc::clone(cell), *end)),
        };
        (ends.iter().zip(&cells).map(step).collect(), cells)
    }

    fn states(steps: &[Step], way: Way) -> Vec<State> {
        let server = Server::look(Path::new("/"));
        go(steps, &server, way, &mut Nobody).iter().map(|outcome| outcome.state).collect()
    }

    #[test]
    fn what_fails_stops_its_group_and_no_other() {
        use Group::{Configuration, Endpoint, Panel};
        let (steps, cells) =
            plan(&[(Configuration, 1), (Panel, 3), (Panel, 1), (Endpoint, 2), (Endpoint, 1)]);
        assert_eq!(states(&steps, Way::Look), [State::Todo; 5]);
        assert!(cells.iter().all(|cell| cell.get() == 0), "looking changes nothing");
        let want = [State::Done, State::Fail, State::Skipped, State::Fail, State::Skipped];
        assert_eq!(states(&steps, Way::Apply), want);
        assert_eq!(states(&steps, Way::Apply)[0], State::Ok);
        let there = |way, state| states(&steps, way) == [State::Ok, state, State::Ok, state, state];
        assert!(
            there(Way::LookBack, State::Todo) && there(Way::LookBack, State::Todo),
            "looking changes nothing"
        );
        assert!(there(Way::Undo, State::Done));
        assert_eq!(
            (states(&steps, Way::Undo), states(&steps, Way::LookBack)),
            (vec![State::Ok; 5], vec![State::Ok; 5])
        );
        let (steps, cells) = plan(&[(Configuration, 3), (Panel, 1)]);
        assert_eq!(states(&steps, Way::Apply), [State::Fail, State::Skipped]);
        assert_eq!(cells[1].get(), 0);
    }
}
