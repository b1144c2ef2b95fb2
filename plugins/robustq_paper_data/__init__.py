"""The data of the paper, as their owners publish them: BTCV, NCI-ISBI 2013, NIH with the masks of XLSor, and JSRT."""
