package recording

import "fmt"

// genePlace knows which page of a .bin file comes next, and tells those that do not.
type genePlace struct {
	*damage
	file  string
	pages int64 // as the header tells; 0: not told
	page  int64 // whose turn it is
	whole bool  // the page before could be read: what follows is no rest of it
	line  int64 // first that is of no page, since the page before; 0: none
}

// maxPages is more than a device holds: a number beyond is damage.
const maxPages = 10_000_000

// good goes to the next page.
func (p *genePlace) good() { p.page, p.whole = p.page+1, true }

// skip tells of the page, which cannot be read, and goes to the next.
func (p *genePlace) skip(err error) {
	p.damage.skip(p.file, "page", p.page, err)
	p.page, p.whole = p.page+1, false
}

// lose notes a line that is of no page: most likely of one whose beginning is damaged.
func (p *genePlace) lose(line int64) {
	if p.line == 0 && p.whole {
		p.line = line
	}
}

// found tells which pages were to come before the one that these lines are of.
func (p *genePlace) found(about geneAbout) {
	number, places, ok := decimal([]byte(about["Sequence Number"]), 0)
	last := int64(maxPages)
	if p.pages > 0 {
		last = min(last, p.pages-1)
	}
	ok = ok && places == 0 && number >= 0 && number <= last
	why := errPageGone
	if p.line > 0 {
		why = errPageBegin
	}
	switch {
	case ok && number > p.page:
		for p.page < number {
			p.skip(why)
			why = errPageGone
		}
	case p.line > 0 && !ok:
		p.skip(why)
	case p.line > 0:
		p.damage.skip(p.file, "line", p.line, errPageAfter)
	}
	if p.line = 0; ok {
		p.page = number
	}
}

// end tells what is missing at the end of the file.
func (p *genePlace) end(err error, open bool, about geneAbout) {
	if open {
		p.found(about)
	}
	switch {
	case p.line == 0:
	case p.pages > 0 && p.page >= p.pages:
		p.damage.skip(p.file, "line", p.line, errPageAfter)
	default:
		p.skip(errPageBegin)
	}
	p.damage.end(p.file, err)
	switch {
	case open:
		p.damage.end(p.file, fmt.Errorf("cut off within page %d of %d", p.page, p.pages))
	case p.page < p.pages:
		p.damage.end(p.file, fmt.Errorf("ends after %d of %d pages", p.page, p.pages))
	}
}
