"""What a fit was, in a table: below scikit-learn's diagram of an estimator in notebooks, and in reports."""

from collections.abc import Mapping
from html import escape
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_html_repr

#: Why training ended, in words.
ENDS = {
    "epochs": "all were trained",
    "early_stopping": "the watched score rose no more, and the best epoch stands",
    "callback": "a callback asked for it",
    "interrupt": "interrupted; the last whole epoch stands",
}


class FitFacts:
    """Adds facts of the fit to what notebooks show of an estimator."""

    def _repr_html_inner(self) -> str:
        shown: str = estimator_html_repr(self)
        return shown + facts_table(fit_facts(self))

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        return {**bundle, "text/html": self._repr_html_inner()} if "text/html" in bundle else bundle


def fit_facts(model: Any) -> dict[str, Any]:
    """Return what is known of the fit of a classifier, or of a pipeline's last step, by name; nothing before one.

    Parameters
    ----------
    model : AudioClassifier or Pipeline
        One that an earlier release saved may know less.
    """
    model = model.steps[-1][1] if isinstance(model, Pipeline) else model
    fitted = getattr(model, "_model", None)
    if fitted is None or not hasattr(model, "classes_"):
        return {}
    known: dict[str, Any] = {"Emotions": ", ".join(map(str, model.classes_))}
    known |= dict(_clips(model))
    if getattr(model, "skipped_", None):
        known["Clips that were left out"] = len(model.skipped_)
    for domain, languages in sorted(getattr(fitted, "languages", {}).items()):
        known[f"Languages of the {domain}"] = ", ".join(sorted(map(str, languages))) or "not said"
    if hasattr(fitted, "preparation"):
        for name in fitted.preparation.names:
            for domain, speakers in sorted(fitted.preparation.context[name].speakers.items()):
                known[f"Speakers known in the {domain}"] = len(speakers) or "not said"
            for domain in sorted(fitted.preparation.voices.get(name, ())):
                known[f"Voices told apart in the {domain}"] = "two groups"
    if hasattr(model, "n_features_in_"):
        known["Features a clip"] = model.n_features_in_
    else:
        known["Clips are heard by"] = _encoder(model.encoder_.encoders)
    if hasattr(model, "history_"):
        why = ENDS.get(getattr(model, "stopped_", ""))
        known["Epochs"] = f"{len(model.history_)}{'' if why is None else f'; {why}'}"
        known["Temperature of the synchrony"] = f"{model.tau_:.3f} (from {model.field_.tau:g})"
    if hasattr(model, "fit_seconds_"):
        known["Fit took"] = _duration(model.fit_seconds_)
    return known


def facts_table(facts: Mapping[str, Any]) -> str:
    """Return facts as a table for a notebook, which brings the colours; nothing where there are none."""
    if not facts:
        return ""
    side = 'style="text-align: left"'
    rows = (
        f'<tr><th scope="row" {side}>{escape(name)}</th><td {side}>{escape(str(value))}</td></tr>'
        for name, value in facts.items()
    )
    return f'<table class="sere-facts" aria-label="Facts of the fit">{"".join(rows)}</table>'


def _clips(model: Any) -> Any:
    """Yield how many clips fit had of each kind."""
    given = getattr(model, "given_", None)
    if given is None:
        if hasattr(model._model, "shots"):
            yield "Labeled clips", len(model._model.shots)
        return
    labeled = next(record for record in given if record["where"] == "X")
    each = sorted(labeled["labels"].values())
    span = f"{each[0]}" if each[0] == each[-1] else f"{each[0]} to {each[-1]}"
    yield "Labeled clips", f"{labeled['clips']} ({span} of each emotion)"
    for role, where in (("source", "X_unlabeled_src"), ("target", "X_unlabeled_tgt")):
        clips = sum(record["clips"] for record in given if record["where"].startswith(where))
        yield f"Unlabeled clips of the {role}", clips or "none"


def _encoder(spec: Any) -> str:
    """Return an encoder's name, or those of several by language."""
    if isinstance(spec, Mapping):
        return ", ".join(f"{language}: {_encoder(own)}" for language, own in spec.items())
    return str(spec)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
