"""Everything the project runs, each in an environment of its own: ``python -m nox -l`` lists it.

Environments are kept between runs and installed again only when what they are made from changes.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

import nox

HERE = Path(__file__).parent
# One thread a process: on small arrays threads of a busy machine wait for each other far longer than they work.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA")}

#: Benchmarks of speed; those of accuracy need corpora.
SPEED = (
    "bench_tracks",
    "bench_resonance",
    "bench_store",
    "bench_extraction",
    "bench_fit",
    "bench_scale",
    "bench_speech",
    "bench_pretrained",
    "bench_baselines",
)
#: Runs of `sere benchmark` by the folder of their results: the commands of docs/benchmarks.md.
SIX = "BO,OB,BC,CB,CO,OC"
EVERY_EAR = (
    "sere@experience,sere@experience(acoustic),sere@acoustic+speech,sere@acoustic,zero-shot@experience,lr@experience,"
    "lr@acoustic,lr@egemaps"
)
ACCURACY = {
    "zero_shot": f"--tasks {SIX} --protocol transductive --draws 1 --methods zero-shot@experience "
    "--baseline zero-shot@experience:self_training_weight=0",
    "main": f"--tasks {SIX},BR,RB,OR,RO,CR,RC --protocol transductive --draws 3 "
    "--methods sere@experience,zero-shot@experience,lr@egemaps",
    "ear": f"--tasks {SIX},BR,RB,OR,RO,CR,RC --protocol transductive --draws 1 --baseline lr@acoustic "
    f"--methods {EVERY_EAR}",
    "references": f"--tasks {SIX},BR,RB,OR,RO,CR,RC --protocol transductive --draws 2 --baseline evidence@experience "
    "--methods sere@experience,zero-shot@experience,evidence@experience,multi-source@acoustic+speech",
    "shallow": "--tasks BO,OB,BC,CB,RO,OR --protocol transductive --draws 2 --baseline skada@acoustic --methods "
    "sere@acoustic,sere@acoustic+speech,skada@acoustic,skada@acoustic:adapter=linear-ot,skada@acoustic:adapter=tca,"
    "skada@acoustic:adapter=subspace,lr@acoustic,skada@acoustic+speech,lr@acoustic+speech",
    "table2": f"--preset table2 --encoder acoustic --tasks {SIX} --draws 5",
    "parts": f"--tasks {SIX} --draws 2 --protocol transductive --baseline sere@acoustic --methods sere@acoustic,"
    "sere@acoustic:epochs=80,sere@acoustic:epochs=20,sere@acoustic:epochs=0,sere@acoustic:assignment__field_share=0,sere@acoustic:losses__dual_weight=3,"
    "sere@acoustic:losses__dual_weight=1:losses__dual_distance=infonce",
    "skew": f"--shift skew --tasks {SIX} --draws 3 --protocol transductive --baseline lr@acoustic "
    "--methods sere@experience,sere@acoustic,sinkhorn@acoustic",
    "skew_speech": f"--shift skew --tasks {SIX} --draws 3 --protocol transductive --methods sere@acoustic+speech "
    "--baseline lr@acoustic+speech",
    "inductive": f"--protocol inductive --tasks {SIX} --draws 3 --baseline lr@egemaps "
    "--methods sere@experience,sere@acoustic,lr@acoustic",
    "shots": f"--preset shots --tasks {SIX} --draws 1 --speakers known --baseline lr@acoustic "
    "--methods sere@experience,sere@acoustic",
    "table1": "--preset table1 --draws 1 --protocol transductive --speakers known",
    "table1_all": f"--preset table1 --shots all --tasks {SIX} --draws 1 --protocol transductive --speakers known",
    "robustness": f"--preset robustness --tasks {SIX} --draws 1 --speakers known --baseline lr@acoustic "
    "--methods sere@experience,sere@acoustic",
}

nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests"]


def install(session: nox.Session, *requirements: str, package: str = ".") -> None:
    """Install the project (editable) and `requirements`, unless this environment has them already."""
    sources = [HERE / "pyproject.toml", HERE / "constraints.txt"]
    asked = [source.read_bytes() for source in sources] + [repr((package, requirements)).encode()]
    wanted = hashlib.sha256(b"\0".join(asked)).hexdigest()
    stamp = Path(session.virtualenv.location) / "sere-installed"
    if stamp.exists() and stamp.read_text() == wanted:
        session.log("environment is up to date")
        return
    editable = ("-e", package) if package else ()
    if package and needs_no_cuda() and "PIP_EXTRA_INDEX_URL" not in os.environ:
        session.log(
            "No NVIDIA GPU is here, and pip may bring PyTorch's CUDA build, several gigabytes: set PIP_EXTRA_INDEX_URL "
            "to the index of CPU builds that PyTorch's install page names, and pip prefers those."
        )
    session.install("-c", "constraints.txt", *editable, *requirements)
    stamp.write_text(wanted)


def needs_no_cuda() -> bool:
    """Tell whether this is a Linux machine without an NVIDIA GPU, where pip's own PyTorch is its CUDA build."""
    return sys.platform == "linux" and os.uname().machine == "x86_64" and not Path("/dev/nvidiactl").exists()


@nox.session
def demo(session: nox.Session) -> None:
    """Recognise emotions of one language from a few labels in another, and say how well it went."""
    install(session, package=".[plots]")
    session.run("python", "-m", "sere", "demo", *session.posargs, env=ONE_THREAD)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the whole suite, or what the arguments after ``--`` select."""
    install(session, package=".[test,egemaps,triton]")
    run_tests(session, "-n", "2", "--dist", "worksteal")


def run_tests(session: nox.Session, *options: str) -> None:
    """Run pytest with one thread a worker and a feature store that nothing else uses."""
    with tempfile.TemporaryDirectory(prefix="sere-tests-") as cache:
        env = ONE_THREAD | {"SERE_CACHE": cache, "MPLBACKEND": "agg"}
        session.run("python", "-m", "pytest", *options, *session.posargs, env=env)


@nox.session
def odd(session: nox.Session) -> None:
    """Try several hundred odd files at every way in; the suite tries one of each kind where it takes long."""
    install(session, package=".[test,egemaps,triton]")
    session.env["SERE_ODD_AUDIO"] = "all"
    run_tests(session, "-n", "2", "--dist", "worksteal", "tests/test_odd_audio.py")


@nox.session
def faults(session: nox.Session) -> None:
    """Kill extraction, fit, save, pretraining and a benchmark; after ``--`` how often each (default: 10)."""
    install(session, package=".[test,egemaps,triton]")
    session.env["SERE_KILLS"] = session.posargs[0] if session.posargs else "10"
    session.posargs.clear()
    run_tests(session, "tests/test_faults.py")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Read thousands of files that were changed at random; after ``--`` how many of each kind (default: 2000)."""
    install(session, package=".[test,egemaps,triton]")
    session.env["SERE_FUZZ"] = session.posargs[0] if session.posargs else "2000"
    session.posargs.clear()
    run_tests(session, "-n", "2", "tests/test_fuzz.py", "tests/test_persistence_models.py")


@nox.session
def coverage(session: nox.Session) -> None:
    """Say which lines and branches of the library the suite runs; after ``--`` the tests to run."""
    install(session, "coverage>=7.10", package=".[test,egemaps,triton]")
    with tempfile.TemporaryDirectory(prefix="sere-tests-") as cache:
        env = ONE_THREAD | {"SERE_CACHE": cache, "MPLBACKEND": "agg"}
        session.run("python", "-m", "coverage", "erase")
        session.run("python", "-m", "coverage", "run", "-m", "pytest", *session.posargs, env=env, success_codes=[0, 1])
    session.run("python", "-m", "coverage", "combine")
    session.run("python", "-m", "coverage", "report", "--skip-covered")


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the paper's equations in ways that a test must notice, and say what none noticed."""
    install(session, "mutmut>=3.3", package=".[test]")
    shutil.rmtree("mutants", ignore_errors=True)  # where what other tests found is taken for found
    session.run("python", "-m", "mutmut", "run", *session.posargs, env=ONE_THREAD)
    session.run("python", "-m", "mutmut", "results")


@nox.session
def audit(session: nox.Session) -> None:
    """Ask PyPI for known weaknesses of what is installed with every extra; write the list of it, ``sbom.json``."""
    extras = "pretrained,plots,distributed,egemaps,ffmpeg,vad"
    install(session, "pip-audit", "cyclonedx-bom", package=f".[{extras}]")
    session.run(
        "python", "-m", "cyclonedx_py", "environment", "--output-file", "sbom.json", "--pyproject", "pyproject.toml"
    )
    found = Path(session.create_tmp()) / "audit.json"
    options = ("--local", "--skip-editable", "--format", "json", "--output", os.fspath(found), *session.posargs)
    found.unlink(missing_ok=True)
    session.run("python", "-m", "pip_audit", *options, success_codes=[0, 1])
    if not found.exists():
        session.error("pip-audit did not end: it asks PyPI for the known weaknesses, so it needs the network")
    asked = json.loads(found.read_text())["dependencies"]
    compared = [one for one in asked if "vulns" in one]
    skipped = [one["name"] for one in asked if "vulns" not in one]
    session.log(f"{len(compared)} of {len(asked)} packages were compared; not: {', '.join(skipped) or 'none'}")
    # It calls an audit in which nothing was known to PyPI a good one.
    if len(compared) < len(asked) / 2:
        session.error("PyPI, or what stands in for it here, does not know most packages: ask from another network")
    weak = [f"{one['name']} {one['version']}: {own['id']}" for one in compared for own in one["vulns"]]
    if weak:
        session.error("known weaknesses: " + ", ".join(weak))


@nox.session
def release(session: nox.Session) -> None:
    """Build sdist and wheel into ``dist``, install the wheel in a fresh environment, run the suite from the sdist."""
    session.install("build")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", "dist", ".")
    (wheel,), (sdist,) = Path("dist").glob("*.whl"), Path("dist").glob("*.tar.gz")
    place = Path(session.create_tmp()) / "release"
    shutil.rmtree(place, ignore_errors=True)
    shutil.unpack_archive(sdist, place, filter="data")
    (unpacked,) = place.iterdir()
    shutil.rmtree(unpacked / "sere")  # so that nothing but the wheel can be imported
    fresh, constraints = place / "fresh", Path("constraints.txt").absolute()
    session.run("python", "-m", "venv", os.fspath(fresh))
    python = os.fspath((fresh / ("Scripts" if os.name == "nt" else "bin") / "python").absolute())
    wheel_with_tests = f"sere[test,egemaps,triton] @ {wheel.absolute().as_uri()}"
    session.run(python, "-m", "pip", "install", "-c", os.fspath(constraints), wheel_with_tests, external=True)
    with session.chdir(unpacked), tempfile.TemporaryDirectory(prefix="sere-tests-") as cache:
        session.run(python, "-c", "import sere; assert 'site-packages' in sere.__file__, sere.__file__", external=True)
        env = ONE_THREAD | {"SERE_CACHE": cache, "MPLBACKEND": "agg"}
        # The rules of the house are about the sources.
        chosen = session.posargs or ["tests", "--ignore=tests/test_house.py"]
        session.run(python, "-m", "pytest", "-n", "2", "--dist", "worksteal", *chosen, env=env, external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and docstrings."""
    install(session, "ruff", "numpydoc>=1.8", package="")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    modules = [str(path) for path in sorted(Path("sere").rglob("*.py"))]
    session.run("python", "-m", "numpydoc", "lint", *modules, silent=True)


@nox.session
def typing(session: nox.Session) -> None:
    """Check types."""
    install(session, "mypy", "pandas-stubs", package=".[pretrained,plots]")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation with its gallery; a warning is an error."""
    install(session, package=".[docs,pretrained]")
    session.run(
        "python", "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html",
        *session.posargs, env={"MPLBACKEND": "agg"},
    )  # fmt: skip


#: What the tests themselves take.
TOOLS = ("pytest>=8", "pytest-xdist>=3.5", "hypothesis>=6.100")


@nox.session
def bare(session: nox.Session) -> None:
    """Run the suite without any extra: what needs one is skipped, and everything else must pass."""
    install(session, *TOOLS)
    # The examples of pictures draw.
    run_tests(session, "-n", "2", "--dist", "worksteal", "--ignore=sere/plotting")


@nox.session
def oldest(session: nox.Session) -> None:
    """Run the suite on the oldest releases that pyproject.toml allows (torch stays as constrained).

    What asks for later releases of the others, such as skada for pandas, is left out, and its tests with it.
    """
    install(session, *floors("plots", "pretrained", "ffmpeg"), *TOOLS, "librosa>=0.10.2")
    session.env["PYTHONWARNINGS"] = "default"  # of the processes that tests start
    run_tests(session, "-n", "2", "--dist", "worksteal", "-W", "default")


def floors(*extras: str) -> list[str]:
    """Return every lower bound of pyproject.toml as an exact version."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"]]
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    bounds = [re.fullmatch(r"([\w-]+)(?:\[.*\])?>=([\d.]+)", text) for text in requirements]
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound and bound[1] != "torch"]


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed and write docs/speed.md, then accuracy where SERE_CORPORA is set; after ``--`` one script only."""
    install(session, "opensmile>=2.5", package=".[plots,pretrained,skada]")
    if session.posargs:
        session.run("python", *session.posargs)
        return
    results = Path("benchmarks/results")
    for name in SPEED:
        session.run("python", f"benchmarks/{name}.py", "--threads", "2", "--out", os.fspath(results / f"{name}.json"))
    if "SERE_CORPORA" in os.environ:
        for model, clips in (("tiny", "30"), ("full", "6")):
            out = os.fspath(results / f"bench_precision_{model}.json")
            session.run("python", "benchmarks/bench_precision.py", "--model", model, "--clips", clips, "--out", out)
    session.run("python", "benchmarks/table.py")
    if "SERE_CORPORA" in os.environ:
        for study, arguments in ACCURACY.items():
            out = os.fspath(results / study)
            session.run("python", "-m", "sere", "benchmark", *arguments.split(), "--out", out, "--jobs", "2")
        session.run("python", "benchmarks/choices.py")
        session.run("python", "benchmarks/bench_selection.py", "--speakers", "known")
        session.run("python", "benchmarks/bench_acoustic.py", "--cache", session.create_tmp())
        session.run("python", "benchmarks/bench_voices.py")
