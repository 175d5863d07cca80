"""The command line of a model: random histories, deliberate mistakes, traces."""
import argparse
import sys


def command(description, breaks, run, report):
    """The exit status. run(histories, first_seed, steps, broken, trace_file) gives totals, or None and what went wrong
    and where; report(histories, totals) a line about them, and whether they are as good as they should be."""
    p = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--histories", type=int, default=2000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--steps", type=int, default=400)
    p.add_argument("--trace", metavar="FILE")
    p.add_argument("--break", dest="broken", choices=sorted(breaks), metavar="NAME")
    p.add_argument("--list-breaks", action="store_true")
    args = p.parse_args()
    if args.list_breaks:
        for name, meaning in breaks.items():
            print("%-25s %s" % (name, meaning))
        return 0
    file = None
    if args.trace:
        file = sys.stdout if args.trace == "-" else open(args.trace, "w")
    out = sys.stderr if file is sys.stdout else sys.stdout
    totals, wrong = run(args.histories, args.seed, args.steps, frozenset({args.broken} - {None}), file)
    if args.broken:
        print("%-25s %s" % (args.broken, "caught, " + wrong.split(":")[0] if wrong else "NOT CAUGHT"), file=out)
        return 0 if wrong else 1
    if wrong:
        print(wrong, file=out)
        return 1
    line, good = report(args.histories, totals)
    print(line, file=out)
    if not good:
        print("too few were served", file=out)
    return 0 if good else 1
