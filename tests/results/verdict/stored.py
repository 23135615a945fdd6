"""Decision and sentences of summaries as files hold them: mappings, which a test may change at will."""

from gapkit.core.means import Mean
from gapkit.results import verdict as of
from gapkit.results.records import AisCertificate, Summary


def decide(summary):
    return of.decide(Summary.of(summary))


def verdict(summary):
    return of.verdict(Summary.of(summary))


def trust(summary):
    return of.trust(Summary.of(summary))


def certificate_sentence(certificate, gap=None):
    return of.certificate_sentence(AisCertificate.of(certificate), gap)


def plus_minus(values):
    return of.plus_minus(Mean.of(values))
