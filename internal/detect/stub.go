package detect

func (j *judge) activities() {}
func (j *judge) rows()       {}
func (j *judge) runs()       {}
func (j *judge) imports()    {}
func (j *judge) queue()      {}
func (j *judge) volume()     {}
