"""Input and parsed output of reports in tests."""

import html
import json
import re

# rows of `edcurve runs --csv`, the last four columns computed by edcurve_neural from the compressors themselves
RUNS = """\
source,lmbda,latent_dim,batch_size,seed,status,rate,entropy,distortion,distortion_centroid,excess,entropy_model,decoder,partition
circle,4.0,1,128,0,finished,2.1180949410738776,1.9548261827732036,0.23158126491798706,0.23156165347757263,0.28669787730063456,0.163268758300674,7.844576165771944e-05,0.12335067323830273
circle,8.0,1,128,0,finished,2.6860498810815443,2.530572378111251,0.12137910026036533,0.12134253962422226,0.3672454046916309,0.15547750297029328,0.0002924850891445896,0.21147541663219283
ramp,48.0,1,128,0,finished,2.9,2.8,0.03,0.03,0.5,0.1,0.0,0.4
circle,8.0,2,128,1,failed,,,,,,,,
"""

HOSTILE = '</script><script>window.hit=1</script><img src=x onerror="window.hit=2">%{x}&lt;$\\alpha$'
LABELS = ('</script><img src=x onerror="window.hit=3">%{x}', "<a href='javascript:window.hit=4'>a</a>&lt;$\\alpha$")


def tables(text):
    """The tables of a page, each as a list of rows of texts."""
    result = []
    for table in re.findall(r"<table>(.*?)</table>", text, re.DOTALL):
        rows = re.findall(r"<tr>(.*?)</tr>", table)
        result.append([[html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows])
    return result


def figures(text):
    return json.loads(re.search(r'<script type="application/json" id="figures">(.*?)</script>', text).group(1))
