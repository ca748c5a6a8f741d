"""``sere pretrain``: an encoder's experience from labeled corpora."""

import argparse
from pathlib import Path

from sere.cli.outcome import UsageError
from sere.cli.words import AddCommand, add_on_error


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command(
        "pretrain",
        pretrain,
        "learn an encoder from labeled corpora of several languages",
        "Writes the encoder, which goes wherever --encoder takes a name, and its card beside it;\n"
        "FILE.npz.reproduce.json says how it was made.",
    )
    added.add_argument("--corpora", metavar="DIR", required=True, help="folder of corpora")
    added.add_argument("--only", metavar="NAME,NAME", help="these corpora (default: all that are found)")
    added.add_argument(
        "--encoder", metavar="NAME", default="acoustic+speech", help="what hears the clips (default: %(default)s)"
    )
    added.add_argument("--out", metavar="FILE.npz", required=True, help="where to save it")
    added.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")
    add_on_error(added, "raise")


def pretrain(arguments: argparse.Namespace) -> int:
    """Learn an encoder from the corpora of a folder, save it and its card."""
    from sere import pretrain_encoder
    from sere.audio import AudioError
    from sere.cli import again
    from sere.cli.problems import PLACE, Problems, in_own_words, rows_unnamed
    from sere.datasets import CORPORA, find_corpora, load_corpus
    from sere.files.drafts import write_text

    out = Path(arguments.out)
    if out.suffix != ".npz" or not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: the name of an .npz file in a folder that exists is needed")
    found = find_corpora(arguments.corpora)
    wanted = list(found) if arguments.only is None else arguments.only.split(",")
    missing = [name for name in wanted if name not in found]
    if missing or not wanted:
        raise UsageError(f"{arguments.corpora} holds no {', '.join(missing) or 'corpora'}; found: {', '.join(found)}")
    problems = Problems("pretrain", arguments.on_error)
    corpora = {name: load_corpus(found[name]) for name in wanted}
    with rows_unnamed():
        try:
            encoder = pretrain_encoder(
                corpora,
                arguments.encoder,
                licences={name: CORPORA[name].license for name in wanted if name in CORPORA},
                name=out.stem,
                random_state=arguments.seed,
                verbose=0 if arguments.quiet else 1,
                on_error=arguments.on_error,
            )
        except AudioError as error:
            raise in_own_words(
                error, {name: clips.assign(**{PLACE: name}) for name, clips in corpora.items()}
            ) from error
    for record in encoder.skipped_:
        problems.add(record["where"], record["path"], record["reason"])
    encoder.save(out)
    write_text(out.with_suffix(".md"), encoder.card.text(encoder))
    again.keep(arguments, out, corpora, seed=arguments.seed)
    if not arguments.quiet:
        kilobytes = out.stat().st_size / 1024
        print(f"{out} ({kilobytes:.0f} KB): {', '.join(encoder.experience.emotions)}; card in {out.with_suffix('.md')}")
    problems.keep(out)
    return 1 if problems.found else 0
