import pytest

from deepfill_tf.evaluation.report.verdicts import improvement, verdicts

PSNR = {"title": "PSNR", "better": "higher", "digits": 2}
SEAM = {"title": "Seam", "better": "lower", "digits": 1}


def entry(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


@pytest.mark.parametrize(
    ("metric", "difference", "sign"),
    [
        (PSNR, entry(1.0, 0.5, 1.5), 1),
        (PSNR, entry(-1.0, -1.5, -0.5), -1),
        (PSNR, entry(1.0, -0.5, 1.5), 0),
        (SEAM, entry(1.0, 0.5, 1.5), -1),
        (SEAM, entry(-1.0), 1),  # of a single image
        (SEAM, entry(0.04, 0.03, 0.05), 0),  # 0.0 in print
        (PSNR, entry(None), 0),  # of two exact copies
        ({**PSNR, "better": ""}, entry(1.0, 0.5, 1.5), 0),
    ],
)
def test_an_improvement_is_one_by_its_whole_interval(metric, difference, sign):
    assert improvement(metric, difference) == sign


def report(psnr, seam):
    """A model against one baseline of 20 dB and a seam of 3, with these differences."""
    values = {
        "model": {"psnr": entry(20 + psnr["value"]), "seam": entry(3 + seam["value"])},
        "telea": {"psnr": entry(20.0), "seam": entry(3.0)},
    }
    differences = {"model": {"telea": {"psnr": psnr, "seam": seam}}}
    return {
        "methods": [{"name": "model", "title": "model"}, {"name": "telea", "title": "Telea"}],
        "subjects": ["model"],
        "metrics": {"psnr": PSNR, "seam": SEAM},
        "headline": ["psnr", "seam"],
        "parts": [{"values": values, "differences": differences}],
    }


@pytest.mark.parametrize(
    ("psnr", "seam", "sentence"),
    [
        (
            entry(-1, -2, -0.5),
            entry(-1, -2, -0.5),
            "model loses to Telea: PSNR 19.00 against 20.00.",
        ),
        (
            entry(1, -1, 2),
            entry(-1, -2, -0.5),
            "model is not clearly better than Telea: PSNR 21.00 against 20.00.",
        ),
        (entry(1, 0.5, 2), entry(-1, -2, -0.5), "model is better than Telea in PSNR, Seam."),
    ],
)
def test_what_a_model_loses_to_is_said_in_words(psnr, seam, sentence):
    assert verdicts(report(psnr, seam)) == [sentence]
