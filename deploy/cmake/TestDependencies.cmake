# What only the tests need; the stand-in really recognises, hence the decoder and the models.
backscribe_require(CMOCKA "cmocka>=1.1.5" libcmocka-dev)
backscribe_require(POCKETSPHINX "pocketsphinx" libpocketsphinx-dev)
backscribe_require(OPUSFILE "opusfile" libopusfile-dev)
