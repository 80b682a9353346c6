"""study: controlled comparisons of image classifiers, from a YAML protocol to a PDF.

The stations, in order (each folder's docstring says what comes in and what goes out):

    protocol -> plan -> data -> train -> explain -> measure -> statistics -> report

`pipeline` is the only module that knows this order, and `dispatch` the only one that
knows where and when its stages run. Shared nouns are in `records`; everything that a
protocol can name is in `registry`.
"""

__version__ = "0.1.0"
