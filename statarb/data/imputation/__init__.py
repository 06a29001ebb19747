"""The seven imputations of the case, on a panel and inside a window."""

from __future__ import annotations

from statarb.data.imputation.autoregression import AR5X
from statarb.data.imputation.base import IMPUTERS, Imputer, impute
from statarb.data.imputation.interpolation import LINT, LVCF
from statarb.data.imputation.kernel_regression import NP100
from statarb.data.imputation.perceptron import MLP
from statarb.data.imputation.regression import MARX1, R1

__all__ = ["AR5X", "IMPUTERS", "LINT", "LVCF", "MARX1", "MLP", "NP100", "R1", "Imputer", "impute"]
