"""`python -m benchmarks`: what reading a fleet costs, with us and with others."""

import argparse
from typing import Final

from benchmarks import store, tables
from benchmarks.contenders import Pythons
from benchmarks.micro.__main__ import measure_all
from benchmarks.running import run
from benchmarks.scenarios import SCENARIOS, SUITES

_WITH_MICRO: Final = ("quick", "full")


def main() -> None:
    """Run what was asked for, show it, and keep it if told so."""
    options = _options()
    if options.list:
        for scenario in SCENARIOS.values():
            print(f"{scenario.name:<24}{scenario.title}, {scenario.repetitions} times")
        return
    if options.draw:
        store.keep({})
        return
    suite = "quick" if options.quick else options.suite
    names = options.scenario or SUITES[suite]
    pythons = Pythons(niquests=options.niquests_python)
    results: store.Results = {}
    for name in names:
        scenario = SCENARIOS[name]
        results[name] = run(scenario, pythons, options.repetitions or scenario.repetitions)
        print("\n".join(tables.scenario(results[name])), flush=True)
        if options.write:
            store.keep({name: results[name]})
    if not options.scenario and suite in _WITH_MICRO:
        results["micro"] = measure_all(quick=suite == "quick")
        print("\n".join(tables.micro(results["micro"]["rows"])))
        if options.write:
            store.keep({"micro": results["micro"]})
    if set(names) & set(SUITES["reach"]):
        print("\n".join(tables.reach(results)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="scenarios by name; see --list")
    parser.add_argument("--suite", choices=SUITES, default="full")
    parser.add_argument("--quick", action="store_true", help="the same as --suite quick")
    parser.add_argument("--list", action="store_true", help="name all scenarios, and run none")
    parser.add_argument("--repetitions", type=int, help="in place of the scenario's own number")
    parser.add_argument("--write", action="store_true", help="keep results, and draw them")
    parser.add_argument("--draw", action="store_true", help="only write and draw what was kept")
    parser.add_argument("--niquests-python", help="a Python that has niquests in place of urllib3")
    options = parser.parse_args()
    if unknown := set(options.scenario) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    main()
