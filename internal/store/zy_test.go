package store_test
import ("testing";"keepwatch/internal/store";"keepwatch";"time")
func openAt(t testing.TB,p string)*store.DB{ db,err:=store.Open(t.Context(),"sqlite:"+p,store.Options{Synchronous:"OFF"}); if err!=nil{t.Fatal(err)}; t.Cleanup(func(){db.Close()}); return db}
func group(cs []keepwatch.Check,now time.Time)(g []keepwatch.Observation){ for _,c:=range cs{g=append(g,benchObservation(c,now))}; return}
