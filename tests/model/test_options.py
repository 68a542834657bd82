import pytest

from model.__main__ import main

OWN = ["export", "--factory", "a:b", "--checkpoint", "w.pt", "--name", "mine"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export"], "give one of digits, efficientnet-lite0, or one of --factory or --torchscript"),
        (
            ["export", "--factory", "a:b", "--saved-model", "x", "--name", "a"],
            "--factory and --saved-model name two models",
        ),
        (["export", "dogits"], "invalid choice: 'dogits'"),
        (["export", "digits", "--factory", "a:b"], "give one of"),
        (["export", "--factory", "a:b"], "--name"),
        (
            ["export", "--factory", "a:b", "--name", "mine", "--checkpoint", "x"],
            "--input-shape 3,224,224 or --example",
        ),
        (["export", "--factory", "a:b", "--name", "mine", "--input-shape", "3"], "--checkpoint FILE"),
        (["export", "--input-shape", "3x3"], "--input-shape: '3x3': give sizes above 0"),
        (["export", "--input-shape", "3,0"], "--input-shape: '3,0': give sizes above 0"),
        (["export", "--atol", "-1"], "--atol: '-1': give a number of 0 or more"),
        (["export", "--rtol", "nan"], "--rtol: 'nan': give a number of 0 or more"),
        (["export", "digits", "--rtol", "1"], "--rtol 1 and --atol 0.0001 would tolerate an answer of zeros"),
        (["export", "--rtol", "much"], "--rtol: 'much': give a number of 0 or more"),
        (["export", "digits", "--labels", "x"], "--labels would have no effect: the ready-made model digits"),
        (["export", "digits", "--name", "a", "--not-batchable"], "--name, --not-batchable would have no"),
        ([*OWN, "--example", "x.npy", "--input-shape", "3"], "--input-shape would have no effect"),
        ([*OWN, "--example", "x.npz", "--input-name", "x"], "--input-name would have no effect: the arrays"),
        ([*OWN, "--image", "i.json", "--input-name", "x"], "--input-name would have no effect: --image"),
        ([*OWN, "--output-name", "a", "--output-name", "a"], "--output-name a, a: give each output a name"),
        (["export", "--saved-model", "a", "--name", "a", "--checkpoint", "x"], "--checkpoint would have no"),
        (["export", "--saved-model", "a", "--name", "a", "--input-name", "x"], "--input-name would have no"),
    ],
)
def test_options_that_do_not_go_together_end_with_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err
