/* How results are put in order: as Sphinx does, but guides stand before the pages of the library. */
var Scorer = {
  score: ([page, , , , score]) => (page.startsWith("_generated/api") ? score - 20 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
