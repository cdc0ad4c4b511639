// What the page says to somebody who does not know the project. It is prose, apart from the code that adds
// numbers up.

package report

const strangers = `## What this is

lockd is a lock server: programs on many machines ask it who may do something, so it must never tell two of
them yes at once, must not forget what it has confirmed, and must not let a lock end early, whatever happens
to the machines it runs on. This page is the record of a machine trying to make it do so.

A *schedule* is drawn from a number, the seed: how many nodes there are, what clients ask of them, and which
faults hit which node when, often several at once. The clients write down what they asked, when, and what
they were told. Checkers that share no code with the server then look in that record for anything that no
correct server could have said:

- a model of a lock is searched for one order of all operations that explains every answer (linearizability,
  with [porcupine](https://github.com/anishathalye/porcupine)); an operation without an answer may have
  happened at any time or never, and a lock may end by itself only once its time is over;
- no two clients ever held one lock at a moment when both were sure to hold it;
- fencing tokens only rise, those who wait are served in order, and each increment of a counter counts once;
- nodes that have applied the same log have the same state, byte for byte;
- once the last fault is over, every node serves again within 5 seconds, and nothing is left behind: no
  goroutine, and nobody in a queue who has left.

**If it had failed**, the first line would say so, and below it would be the sentence of the checker, one line
that repeats the schedule, and a page that shows the operations that contradict each other. That the checkers
do notice is itself tested: ` + "`make mutants`" + ` breaks the server on purpose in many ways, one at a
time, and each must be found.

**What this does not show.** Testing finds bugs; it cannot show that there are none, and faults that nobody
thought of are not in it. Nodes that lie (Byzantine faults) and clocks whose speed is off by more than the
assumed 500 ppm are outside the promises. In simulated clusters the network, the disks, and the clocks are
replaced and all nodes share one process; in the part with real processes all share one kernel and one disk.
See [docs/proof](https://github.com/divtxt/lockd/blob/main/docs/proof/README.md) for the list of faults, of
checks, and of what is missing.
`
