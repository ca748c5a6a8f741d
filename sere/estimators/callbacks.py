"""scikit-learn's callbacks (``sklearn.callback``), where its release has them: each epoch is a task of fit.

They come from outside by ``set_callbacks``, also through a Pipeline or a search, and may stop training. The
classifier's own parameter ``callbacks`` gets the records of epochs, in every release.
"""

from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where there are no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return the method."""
        return method


__all__ = ["CallbackSupportMixin", "EpochTasks", "with_callbacks"]


class EpochTasks:
    """Tells the callbacks of an estimator when fit and its epochs begin and end.

    Parameters
    ----------
    estimator : estimator with :class:`CallbackSupportMixin`
    epochs : int
        How many there will be at most.
    X, y : as fit was given them
    """

    def __init__(self, estimator: Any, epochs: int, X: Any, y: Any):
        self._estimator, self._given = estimator, {"X": X, "y": y}
        self._epoch: Any = None
        start = getattr(estimator, "_init_callback_context", None)
        self._fit = None if start is None else start(max_subtasks=epochs)
        if self._fit is not None:
            self._fit.call_on_fit_task_begin(estimator=estimator, **self._given)

    def begin(self) -> None:
        """Say that an epoch begins."""
        if self._fit is not None:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._given)

    def end(self) -> bool:
        """Say that an epoch has ended; returns whether a callback wants no other."""
        if self._epoch is None:
            return False
        return bool(self._epoch.call_on_fit_task_end(estimator=self._estimator, **self._given))

    def finish(self) -> None:
        """Say that fit has ended."""
        if self._fit is not None:
            self._fit.call_on_fit_task_end(estimator=self._estimator, **self._given)
