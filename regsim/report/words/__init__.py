"""The words for what happened: nouns, sentences and findings that texts and pictures share."""
